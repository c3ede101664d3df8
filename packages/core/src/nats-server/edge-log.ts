// The little that this directory says while it works; the process's logger fits it.

export interface EdgeLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export const silent: EdgeLog = { info: () => {}, warn: () => {} };
