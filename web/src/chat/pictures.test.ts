import { describe, expect, it } from "vitest";

import { fitted } from "./pictures";

describe("the size of an image that is sent", () => {
  it("is its own, if both sides are short enough", () => {
    expect(fitted({ width: 2048, height: 10 }, 2048)).toBeNull();
    expect(fitted({ width: 1, height: 1 }, 2048)).toBeNull();
  });

  it("keeps the proportions, whichever side is the long one", () => {
    expect(fitted({ width: 4000, height: 3000 }, 2048)).toEqual({ width: 2048, height: 1536 });
    expect(fitted({ width: 3000, height: 4001 }, 2048)).toEqual({ width: 1536, height: 2048 });
  });

  it("is at least one pixel", () => {
    expect(fitted({ width: 9000, height: 1 }, 2048)).toEqual({ width: 2048, height: 1 });
  });
});
