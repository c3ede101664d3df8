// Runs the pure tests named on the command line in this one process: no start-up per file, and the whole in seconds.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

for (const file of process.argv.slice(2)) await import(pathToFileURL(resolve(file)).href);
