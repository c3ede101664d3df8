// The URL that a person opens to finish a login, and the way back from it (protocol 5.4).

import type { LoginId } from "@hydrascale/core/domain/ids";
import { isLoginId } from "./logins.ts";

export const loginUrl = (serverUrl: string, id: LoginId): string =>
  `${serverUrl.replace(/\/+$/, "")}/register/${id}`;

/** The id in a URL of ours; undefined for a foreign host, another path or a malformed id. */
export function loginIdOf(serverUrl: string, text: string): LoginId | undefined {
  if (text.length > 512 || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.host !== new URL(serverUrl).host) return undefined;
  const id = url.pathname.startsWith("/register/") ? url.pathname.slice("/register/".length) : "";
  return isLoginId(id) ? id : undefined;
}
