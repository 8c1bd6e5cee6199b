import type { Dialect } from "../types";
import { ChatReader } from "./chat";
import { MessagesReader } from "./messages";
import type { Reader } from "./reader";
import { ResponsesReader } from "./responses";

/** A fresh reader for one answer. */
export function readerOf(dialect: Dialect): Reader {
  return { chat: () => new ChatReader(), responses: () => new ResponsesReader(), messages: () => new MessagesReader() }[dialect]();
}
