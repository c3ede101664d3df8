// The pages of docs/ that are made from code, by path.

import { configReference } from "./config.ts";
import { errorReference } from "./errors.ts";

export const generatedPages: Readonly<Record<string, () => string>> = {
  "docs/config.md": configReference,
  "docs/errors.md": errorReference,
};
