// Signs of life asked over a map stream (protocol 9): a PingRequest with a URL of its own, answered by a HEAD over Noise.

import { randomBytes } from "node:crypto";
import type { MachineKey, NodeId } from "@hydrascale/core/domain/ids";
import type { Clock } from "@hydrascale/core/lib/clock";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Http2Request, Http2Response } from "../http2/port.ts";
import type { Sessions } from "../session/sessions.ts";
import { answerText } from "./answer.ts";

const waitMs = 10_000;

interface Waiting {
  readonly machineKey: MachineKey;
  readonly answered: () => void;
}

export class Pings {
  private readonly clock: Clock;
  private readonly sessions: Sessions;
  private readonly host: string;
  private readonly waiting = new Map<string, Waiting>();

  /** `serverUrl`: its host is used with https, since clients send http URLs outside Noise. */
  constructor(clock: Clock, sessions: Sessions, serverUrl: string) {
    this.clock = clock;
    this.sessions = sessions;
    this.host = new URL(serverUrl).host;
  }

  /** Milliseconds until the client answered. */
  ping(node: NodeId, machineKey: MachineKey): Promise<Result<number, Problem>> {
    const stream = this.sessions.streamOf(node);
    if (stream === undefined)
      return Promise.resolve(err(problem("precondition", `node ${node}: not connected to this gateway`)));
    const id = randomBytes(16).toString("hex");
    const asked = this.clock.monotonic();
    return new Promise((resolve) => {
      const cancel = this.clock.after(waitMs, () => {
        this.waiting.delete(id);
        resolve(
          err(
            problem(
              "unavailable",
              `node ${node}: no answer within ${waitMs / 1000} s`,
              "its stream may be dead; it is noticed within two minutes",
            ),
          ),
        );
      });
      this.waiting.set(id, {
        machineKey,
        answered: () => {
          this.waiting.delete(id);
          cancel();
          resolve(ok(this.clock.monotonic() - asked));
        },
      });
      stream.ping({ URL: `https://${this.host}/machine/ping-response?id=${id}`, URLIsNoise: true });
    });
  }

  answered(machineKey: MachineKey, request: Http2Request, response: Http2Response): void {
    if (request.method !== "HEAD") return answerText(response, 405, "use HEAD");
    const id = new URLSearchParams(request.path.split("?", 2)[1] ?? "").get("id") ?? "";
    const waiting = this.waiting.get(id);
    if (waiting === undefined || waiting.machineKey !== machineKey)
      return answerText(response, 404, "no such ping");
    waiting.answered();
    response.respond(200, {});
    response.end();
  }
}
