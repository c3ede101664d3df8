// What is served inside Noise. Routed on the path alone: `:authority` is whatever the client chose.

import type { MachineKey } from "@hydrascale/core/domain/ids";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Http2Handler, Http2Request, Http2Response } from "../http2/port.ts";
import { answerJson, answerText } from "./answer.ts";
import { handleMap } from "./map.ts";
import type { MapOptions } from "./map.ts";
import type { Pings } from "./ping.ts";
import { handleRegister } from "./register.ts";
import type { RegisterOptions } from "./register.ts";

export interface ControlOptions {
  readonly register: RegisterOptions;
  readonly map: MapOptions;
  readonly pings: Pings;
  readonly log: Logger;
}

/** The handler of one Noise connection. `machineKey` was proved by the handshake; it owns nothing yet. */
export function controlHandler(options: ControlOptions, machineKey: MachineKey, from: string): Http2Handler {
  return (request, response) => {
    route(options, machineKey, from, request, response).catch((error: unknown) => {
      options.log.error("a control request failed", {
        path: pathOf(request),
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      // Behind headers a text would be read as frames of a map.
      if (response.responded) response.reset();
      else answerText(response, 500, "internal error");
    });
  };
}

const pathOf = (request: Http2Request): string => request.path.split("?", 1)[0] ?? "";

async function route(
  options: ControlOptions,
  machineKey: MachineKey,
  from: string,
  request: Http2Request,
  response: Http2Response,
): Promise<void> {
  const path = pathOf(request);
  switch (path) {
    case "/machine/register":
      return request.method === "POST"
        ? handleRegister(options.register, machineKey, from, request, response)
        : answerText(response, 405, "use POST");
    case "/machine/map":
      return request.method === "POST"
        ? handleMap(options.map, machineKey, request, response)
        : answerText(response, 405, "use POST");
    case "/machine/ping-response":
      return options.pings.answered(machineKey, request, response);
    case "/machine/update-health":
    case "/machine/audit-log":
      // Clients only want to be rid of these; answering keeps them from trying again.
      return answerJson(response, {});
    case "/machine/feature/query":
      return answerJson(response, { Complete: true });
    default:
      return answerText(response, 404, `no such path: ${path.slice(0, 200)}`);
  }
}
