// One schema per kind of activity.

import { z } from "zod";
import type { LiveEventKind } from "../live/events.ts";
import { id, millis, orNull, reach } from "./shapes.ts";

const schemas = {
  NodeConnected: z.looseObject({
    node: id,
    session: z.string(),
    replaces: orNull(z.string()),
    at: millis,
    reach,
  }),
  NodeMoved: z.looseObject({ node: id, session: orNull(z.string()), at: millis, reach }),
  NodeDisconnected: z.looseObject({ node: id, session: z.string(), at: millis }),
  ApiKeyUsed: z.looseObject({ key: id, at: millis }),
  GatewayEnded: z.looseObject({ boot: z.string(), lastSeen: millis }),
  NodeForgotten: z.looseObject({ node: id }),
} satisfies Record<LiveEventKind, z.ZodType>;

export const liveEvents: ReadonlyMap<string, z.ZodType> = new Map(Object.entries(schemas));
