import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import type { Problem } from "@hydrascale/core/lib/errors";
import { FakeClock } from "@hydrascale/core/lib/fake-clock";
import type { DERPMap } from "@hydrascale/core/wire/tailcfg/derp";
import { DerpMapSource, loadDerpMap } from "./map-source.ts";
import { embeddedRegion } from "./region.ts";

const yaml = (id: number, more = ""): string => `
regions:
  ${id}:
    regionid: ${id}
    regioncode: code${id}
    regionname: Region ${id}
    nodes:
      - name: ${id}a
        regionid: ${id}
        hostname: derp${id}.test
        ipv4: 198.51.100.7
        stunport: 0
        stunonly: false
        derpport: 0
${more}`;
const region = (id: number, name = `from url ${id}`): object => ({
  RegionID: id,
  RegionCode: `u${id}`,
  RegionName: name,
  Nodes: [{ Name: `${id}a`, RegionID: id, HostName: `derp${id}.test`, FutureField: 1 }],
});
const json = (...regions: readonly number[]): string =>
  JSON.stringify({ Regions: Object.fromEntries(regions.map((id) => [id, region(id)])) });
const embedded = embeddedRegion({
  regionId: 999,
  code: "self",
  name: "Embedded",
  hostName: "10.0.0.7",
  ipv4: "",
  ipv6: "",
  derpPort: 443,
  stunPort: 3478,
  pin: undefined,
});
const names = (map: DERPMap): Record<string, string> =>
  Object.fromEntries(Object.entries(map.Regions).map(([id, r]) => [id, r.RegionName]));
const neverFetch: typeof fetch = () => Promise.reject(new Error("no URL was given"));
const answering =
  (text: () => string, status = 200): typeof fetch =>
  async () =>
    new Response(text(), { status });

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "hydrascale-derpmap-"));
});
after(() => rm(dir, { recursive: true }));
const file = async (name: string, text: string): Promise<string> => {
  const path = join(dir, name);
  await writeFile(path, text);
  return path;
};
const fromFile = async (text: string): Promise<DERPMap | string> => {
  const path = await file("one.yaml", text);
  const loaded = await loadDerpMap({ urls: [], paths: [path], fetch: neverFetch });
  return loaded.ok ? loaded.value : loaded.error.message.replace(path, "FILE");
};

suite("relay map from files", () => {
  test("headscale's lower-case form, Go's spelling and JSON give the same map", async () => {
    const node = {
      Name: "900a",
      RegionID: 900,
      HostName: "derp900.test",
      IPv4: "198.51.100.7",
      STUNPort: 0,
      STUNOnly: false,
      DERPPort: 0,
    };
    const expected: DERPMap = {
      Regions: {
        "900": { RegionID: 900, RegionCode: "code900", RegionName: "Region 900", Nodes: [node] },
      },
    };
    assert.deepEqual(await fromFile(yaml(900)), expected);
    assert.deepEqual(await fromFile(JSON.stringify(expected)), expected);
  });

  test("what is wrong is named by file and field, and nothing of the file is used", async () => {
    const cases: readonly (readonly [string, string])[] = [
      [
        yaml(900).replace("derp900.test", "derp.test:443"),
        "regions.900.nodes[0].hostname: must be a name or",
      ],
      [
        yaml(900).replace("198.51.100.7", "198.51.100.07"),
        "regions.900.nodes[0].ipv4: must be an IPv4 address",
      ],
      [yaml(900).replace("derpport: 0", "derpport: 65536"), "regions.900.nodes[0].derpport: must be a whole"],
      [yaml(900).replace("stunport: 0", "stunport: -2"), "regions.900.nodes[0].stunport: must be a whole"],
      [
        yaml(900).replace("regionid: 900\n    regioncode", "regionid: 901\n    regioncode"),
        "regions.900.regionid",
      ],
      [yaml(900).replace("hostname", "hostnmae"), "regions.900.nodes[0].hostname: must be a name"],
      [yaml(900, "        canport443: true\n"), "regions.900.nodes[0].canport443: is not a field"],
      [yaml(70_000), "regions.70000: the region id must be 1 to 65535"],
      ["regions: {900: {regioncode: x, nodes: []}}", "regions.900.nodes: must not be empty"],
      ["regions: [1]", "regions: must be an object"],
      ["[]", "must be an object"],
      ["regions: {900: {", "not YAML: "],
    ];
    for (const [text, message] of cases) {
      const got = await fromFile(text);
      assert.ok(
        typeof got === "string" && got.startsWith(`relay map FILE: ${message}`),
        `${message}: ${JSON.stringify(got)}`,
      );
    }
  });

  test("a missing file and a map without any relay are problems with a hint", async () => {
    const missing = await loadDerpMap({ urls: [], paths: [join(dir, "none.yaml")], fetch: neverFetch });
    assert.ok(!missing.ok);
    assert.match(missing.error.message, /none\.yaml: cannot be read \(ENOENT\)$/);
    assert.equal(
      await fromFile(yaml(900).replace("stunonly: false", "stunonly: true")),
      "relay map: no region has a relay, and clients without one never come up",
    );
  });
});

suite("relay map from several sources", () => {
  test("files win over URLs, the embedded region over both, and null takes a region away", async () => {
    const path = await file(
      "merge.yaml",
      yaml(2, "  3:\n  999: {nodes: [{name: x, hostname: other.test}]}\n"),
    );
    const loaded = await loadDerpMap({
      urls: ["https://maps.test/derp"],
      paths: [path],
      embedded,
      fetch: answering(() =>
        JSON.stringify({ Regions: { 1: region(1), 2: region(2), 3: region(3), 4: null } }),
      ),
    });
    assert.ok(loaded.ok);
    assert.deepEqual(names(loaded.value), { "1": "from url 1", "2": "Region 2", "999": "Embedded" });
    assert.ok(!("FutureField" in (loaded.value.Regions["1"]?.Nodes[0] ?? {})));
  });

  test("a bad answer is a problem that shows no secret of the URL", async () => {
    const url = "https://maps.test/derp?token=hush";
    const attempts: readonly (readonly [typeof fetch, RegExp])[] = [
      [answering(() => "gone", 404), /^relay map https:\/\/maps\.test\/derp: answered 404$/],
      [answering(() => "<html>"), /: not JSON$/],
      [answering(() => " ".repeat((1 << 20) + 1)), /: longer than 1048576 bytes$/],
      [() => Promise.reject(new TypeError(`fetch failed for ${url}`)), /: cannot be fetched \(TypeError\)$/],
    ];
    for (const [get, message] of attempts) {
      const loaded = await loadDerpMap({ urls: [url], paths: [], fetch: get });
      assert.ok(!loaded.ok);
      assert.match(loaded.error.message, message);
      assert.ok(!JSON.stringify(loaded.error).includes("hush"));
    }
  });

  test("the map from before a restart stands in for a source that is silent, with today's embedded region", async () => {
    const warnings: Problem[] = [];
    const lastGood: DERPMap = { Regions: { "1": { ...embedded, RegionID: 1, RegionName: "before" } } };
    const loaded = await loadDerpMap({
      urls: ["https://maps.test/derp"],
      paths: [],
      embedded,
      lastGood,
      fetch: answering(() => "", 500),
      warn: (problem) => warnings.push(problem),
    });
    assert.ok(loaded.ok);
    assert.deepEqual(names(loaded.value), { "1": "before", "999": "Embedded" });
    assert.deepEqual(
      warnings.map((w) => w.message),
      ["relay map https://maps.test/derp: answered 500"],
    );
  });
});

suite("relay map kept up to date", () => {
  test("changes are told, failures keep the source's last good word, and other sources go on", async () => {
    const clock = new FakeClock();
    const path = await file("live.yaml", yaml(900));
    let answer = json(1);
    const changes: Record<string, string>[] = [];
    const warnings: Problem[] = [];
    const source = new DerpMapSource({
      urls: ["https://maps.test/derp"],
      paths: [path],
      embedded,
      fetch: answering(() => answer),
      clock,
      everyMs: 60_000,
      onChange: (map) => changes.push(names(map)),
      warn: (problem) => warnings.push(problem),
    });
    assert.ok((await source.refresh()).ok);
    const first = source.current;
    assert.ok((await source.refresh()).ok);
    assert.equal(source.current, first);
    assert.deepEqual(changes, []);

    answer = "broken";
    await writeFile(path, yaml(901));
    await source.refresh();
    assert.deepEqual(changes, [{ "1": "from url 1", "901": "Region 901", "999": "Embedded" }]);
    assert.equal(warnings.length, 1);

    await source.setEmbedded({ ...embedded, RegionName: "Renewed" });
    assert.equal(changes.at(-1)?.["999"], "Renewed");
    source.close();
  });

  test("it reads again at its interval until closed", async () => {
    const clock = new FakeClock();
    let reads = 0;
    const source = new DerpMapSource({
      urls: ["https://maps.test/derp"],
      paths: [],
      fetch: answering(() => json(++reads)),
      clock,
      everyMs: 60_000,
      onChange: () => {},
    });
    await source.refresh();
    await clock.advance(59_999);
    assert.equal(reads, 1);
    await clock.advance(1);
    await source.refresh(); // joins the one under way, if it still is
    assert.ok(reads >= 2);
    source.close();
    const before = reads;
    await clock.advance(600_000);
    assert.equal(reads, before);
  });
});
