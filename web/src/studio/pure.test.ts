import { describe, expect, it } from "vitest";

import { DEFAULT_PARAMS, readParams, requestFor, type Wanted } from "./params";
import { fromBase64, hashOf, kindOf, sha256 } from "./pictures";
import { nearestSize, parseSize, shapeOf, sizeFaults } from "./sizes";

const WANTED: Wanted = { mode: "images", model: "m", prompt: "p", params: DEFAULT_PARAMS, references: [], mask: null };
const FILE = { blob: new Blob(["x"], { type: "image/png" }), name: "a.png" };

describe("a request", () => {
  it("asks for previews unless told not to, and says nothing of what is left to the provider", async () => {
    expect(await requestFor(WANTED)).toEqual({ path: "/images/generations", body: { model: "m", prompt: "p", stream: true, partial_images: 3 } });
    const { body } = await requestFor({ ...WANTED, params: { ...DEFAULT_PARAMS, stream: false } });
    expect(body).toEqual({ model: "m", prompt: "p" });
  });

  it("sends compression with the formats that have one", async () => {
    const { body } = await requestFor({ ...WANTED, params: { ...DEFAULT_PARAMS, format: "webp", compression: 0, size: "1024x1024" } });
    expect(body).toMatchObject({ output_format: "webp", output_compression: 0, size: "1024x1024" });
  });

  it("is a form when pictures go along", async () => {
    const { path, body } = await requestFor({ ...WANTED, references: [FILE, FILE], mask: FILE });
    expect(path).toBe("/images/edits");
    const form = body as FormData;
    expect(form.getAll("image[]")).toHaveLength(2);
    expect(form.get("mask")).toBeInstanceOf(Blob);
    expect(form.get("stream")).toBe("true");
  });

  it("chooses the image tool of the Responses API", async () => {
    const { path, body } = await requestFor({ ...WANTED, mode: "responses", references: [FILE], mask: FILE });
    expect(path).toBe("/responses");
    expect(body).toMatchObject({
      stream: true,
      tool_choice: { type: "image_generation" },
      tools: [{ type: "image_generation", partial_images: 3, input_image_mask: { image_url: "data:image/png;base64,eA==" } }],
      input: [{ content: [{ type: "input_text", text: "p" }, { type: "input_image", image_url: "data:image/png;base64,eA==" }] }],
    });
  });

  it("takes from what was kept only what makes sense", () => {
    expect(readParams({ size: "big", partials: 9, quality: "max", stream: false })).toEqual({ ...DEFAULT_PARAMS, quality: "max", stream: false });
    expect(readParams(null)).toEqual(DEFAULT_PARAMS);
  });
});

describe("a size", () => {
  it.each([
    ["1024x1024", []],
    ["1536x864", []],
    ["1000x1000", ["step"]],
    ["4096x1024", ["edge", "ratio", "experimental"]],
    ["3840x3840", ["large"]],
    ["3840x2160", ["experimental"]],
    ["512x512", ["small"]],
  ])("%s is beyond %j", (text, faults) => {
    expect(sizeFaults(parseSize(text) ?? { width: 0, height: 0 })).toEqual(faults);
  });

  it("has a nearest one that keeps every limit", () => {
    for (const [width, height] of [[1000, 1000], [5000, 300], [1, 9999], [7, 7], [3841, 2161], [1920, 1080]] as const) {
      expect(sizeFaults(nearestSize({ width, height })).filter((fault) => fault !== "experimental")).toEqual([]);
    }
    expect(nearestSize({ width: 1000, height: 1000 })).toEqual({ width: 1008, height: 1008 });
  });

  it("has a shape", () => {
    expect([shapeOf({ width: 1536, height: 1024 }), shapeOf({ width: 1008, height: 656 })]).toEqual(["3:2", "1.54:1"]);
  });
});

describe("a picture", () => {
  it("is what its first bytes say", () => {
    expect(fromBase64("data:image/jpeg;base64,iVBORw0KGgo=").type).toBe("image/png");
    expect(kindOf(new TextEncoder().encode("RIFF0000WEBP"))).toBe("image/webp");
  });

  it("has the hash of its bytes, with and without the browser's help", async () => {
    for (const length of [0, 1, 55, 56, 63, 64, 65, 1000]) {
      const bytes = Uint8Array.from({ length }, (_, at) => (at * 31) & 255);
      const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      expect(sha256(bytes)).toEqual(expected);
      expect(await hashOf(new Blob([bytes]))).toBe(Array.from(expected, (one) => one.toString(16).padStart(2, "0")).join(""));
    }
  });
});
