// A stream of JetStream as a source for the follower: the republished feed over a plain subscription, pages by direct
// get from any replica, single records from the leader. No consumers, no watchers (design rule 8).

import { createInbox } from "@nats-io/transport-node";
import type { Msg } from "@nats-io/transport-node";
import { ProblemError, problem } from "../lib/errors.ts";
import type { FeedRecord, FeedSource, SourceState } from "../store/feed-source.ts";
import { apiErrorOf, messageNotFound } from "./codes.ts";
import { requestMs, unavailable } from "./connect.ts";
import type { NatsLink } from "./connect.ts";

const pageRecords = 512;
const pageBytes = 8 * 1024 * 1024;
/** A leader that was cut off goes on answering for about 8 s before it notices (measured). */
const staleLeaderMs = 12_000;

export interface StreamSource extends FeedSource {
  /** The newest record on a literal subject, markers included; from the leader. */
  last(subject: string): Promise<FeedRecord | undefined>;
}

export function streamSource(link: NatsLink, stream: string, feedSubject: string | undefined): StreamSource {
  return {
    state: () => streamState(link, stream),
    page: (from, subject) => directPage(link, stream, from, subject ?? ">"),
    next: (from, subject) => leaderGet(link, stream, { seq: from, next_by_subj: subject ?? ">" }),
    last: (subject) => leaderGet(link, stream, { last_by_subj: subject }),
    subscribe: async (feed, changed) => {
      if (feedSubject === undefined) {
        throw new ProblemError(problem("unsupported", `stream ${stream}: its changes are not published`));
      }
      return subscribe(link, stream, feedSubject, feed, changed);
    },
  };
}

async function subscribe(
  link: NatsLink,
  stream: string,
  subject: string,
  feed: (record: FeedRecord) => void,
  changed: (up: boolean) => void,
): Promise<() => void> {
  const subscription = link.nc.subscribe(subject, {
    callback: (error, msg) => {
      if (error === null && msg.headers?.get("Nats-Stream") === stream) feed(recordOf(msg));
    },
  });
  const unlink = link.onLink(changed);
  const end = (): void => {
    unlink();
    subscription.unsubscribe();
  };
  try {
    await flush(link);
  } catch (error) {
    end();
    throw error;
  }
  return end;
}

/** The server has the subscription when it answers what was sent after it. */
async function flush(link: NatsLink): Promise<void> {
  if (!link.up) throw unavailable("not connected to nats");
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(unavailable("nats: no answer to a ping in time")), requestMs);
  });
  try {
    await Promise.race([link.nc.flush(), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function streamState(link: NatsLink, stream: string): Promise<SourceState> {
  const answer = await link.api(`STREAM.INFO.${stream}`, {});
  const error = apiErrorOf(answer);
  if (error !== undefined) throw unavailable(`stream ${stream}: ${error.description}`);
  // The server's own format; a field that is missing reads as nothing.
  const info = answer as {
    readonly created?: string;
    readonly config?: {
      readonly num_replicas?: number;
      readonly metadata?: Readonly<Record<string, string>>;
    };
    readonly state?: { readonly first_seq?: number; readonly last_seq?: number; readonly messages?: number };
  };
  const messages = info.state?.messages ?? 0;
  const lastSeq = info.state?.last_seq ?? 0;
  const epoch = info.config?.metadata?.["epoch"] ?? "";
  return {
    firstSeq: messages === 0 ? lastSeq + 1 : (info.state?.first_seq ?? 1),
    lastSeq,
    messages,
    epoch,
    identity: `${epoch}/${info.created ?? ""}`,
    staleMs: (info.config?.num_replicas ?? 1) > 1 ? staleLeaderMs : 0,
  };
}

/** One batch: as many messages as the server sends, ended by a message with status 204 (or 404: nothing there). */
function directPage(
  link: NatsLink,
  stream: string,
  from: number,
  subject: string,
): Promise<readonly FeedRecord[]> {
  if (!link.up) return Promise.reject(unavailable("not connected to nats"));
  return new Promise((resolve, reject) => {
    const records: FeedRecord[] = [];
    const inbox = createInbox(link.inboxPrefix);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      subscription.unsubscribe();
      settle();
    };
    const late = (): void => end(() => reject(unavailable(`stream ${stream}: no answer in time`)));
    let timer = setTimeout(late, requestMs);
    const subscription = link.nc.subscribe(inbox, {
      callback: (error, msg) => {
        if (error !== null) return end(() => reject(unavailable(`nats: ${error.message}`)));
        const code = msg.headers?.code ?? 0;
        if (code === 0) {
          records.push(recordOf(msg));
          clearTimeout(timer);
          timer = setTimeout(late, requestMs);
        } else if (code === 204 || code === 404) end(() => resolve(records));
        else end(() => reject(unavailable(`stream ${stream}: ${msg.headers?.description ?? code}`)));
      },
    });
    const question = { seq: from, batch: pageRecords, max_bytes: pageBytes, next_by_subj: subject };
    link.nc.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(question), { reply: inbox });
  });
}

async function leaderGet(link: NatsLink, stream: string, question: object): Promise<FeedRecord | undefined> {
  const answer = await link.api(`STREAM.MSG.GET.${stream}`, question);
  const error = apiErrorOf(answer);
  if (error?.errCode === messageNotFound) return undefined;
  if (error !== undefined) throw unavailable(`stream ${stream}: ${error.description}`);
  // The server's own format.
  const { message } = answer as {
    readonly message: {
      readonly subject: string;
      readonly seq: number;
      readonly time: string;
      readonly data?: string;
      readonly hdrs?: string;
    };
  };
  const head = message.hdrs === undefined ? "" : Buffer.from(message.hdrs, "base64").toString("latin1");
  return {
    seq: message.seq,
    subject: message.subject,
    data: Buffer.from(message.data ?? "", "base64"),
    time: Date.parse(message.time),
    gone: /^(KV-Operation: ?(DEL|PURGE)|Nats-Marker-Reason:)/im.test(head),
  };
}

function recordOf(msg: Msg): FeedRecord {
  const head = msg.headers;
  const operation = head?.get("KV-Operation") ?? "";
  return {
    seq: Number(head?.get("Nats-Sequence") ?? 0),
    subject: head?.get("Nats-Subject") ?? "",
    data: msg.data,
    time: Date.parse(head?.get("Nats-Time-Stamp") ?? ""),
    gone: operation === "DEL" || operation === "PURGE" || (head?.has("Nats-Marker-Reason") ?? false),
  };
}
