import { expect, it } from "vitest";

import { groupOf } from "./kinds";

it.each([
  ["content", "content"],
  ["response.output_text.delta", "content"],
  ["thinking_delta", "reasoning"],
  ["response.reasoning_summary_text.delta", "reasoning"],
  ["tool_calls", "tool"],
  ["response.function_call_arguments.delta", "tool"],
  ["image_generation.partial_image", "image"],
  ["response.image_generation_call.partial_image", "image"],
  ["image_generation.completed", "end"],
  ["response.completed", "end"],
  ["done", "end"],
  ["error", "error"],
  ["response.created", "other"],
  ["constructor", "other"],
])("%s is about %s", (kind, group) => expect(groupOf(kind)).toBe(group));
