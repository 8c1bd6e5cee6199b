/** What a new conversation begins with: what the last one was set to. */

import { isObject } from "@/lib/errors";
import { persisted } from "@/lib/persisted";

import { EMPTY } from "./tree";
import { type Conversation, type Dialect, DIALECTS, type Effort, EFFORTS, type Lane, NO_SETTINGS, type Settings, type Tool } from "./types";

export interface Defaults {
  dialect: Dialect;
  /** Empty: the first one that the gateway lists. */
  model: string;
  settings: Settings;
}

export const defaults = persisted<Defaults>("sluiceway.chat", readDefaults);

/** State of the address `/chat`, for who comes to type. */
export const BEGIN = "begin";

export function remember(lane: Lane, settings: Settings): void {
  // A system prompt belongs to its conversation.
  defaults.set({ dialect: lane.dialect, model: lane.model, settings: { ...settings, system: "" } });
}

export function newConversation(now: number): Conversation {
  const { dialect, model, settings } = defaults.get();
  return { id: newId(), title: "", updated: now, settings, lanes: [{ id: newId(), dialect, model, tree: EMPTY }] };
}

/** `randomUUID` is there only in secure contexts, and a gateway on a local network is none. */
export function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whatever was kept, as defaults. */
export function readDefaults(found: unknown): Defaults {
  const kept = isObject(found) ? found : {};
  const settings = isObject(kept.settings) ? kept.settings : {};
  return {
    dialect: DIALECTS.find((one) => one === kept.dialect) ?? "chat",
    model: text(kept.model),
    settings: {
      ...NO_SETTINGS,
      profile: text(settings.profile),
      maxTokens: number(settings.maxTokens),
      temperature: number(settings.temperature),
      effort: EFFORTS.find((one): one is Effort => one === settings.effort) ?? "none",
      tools: Array.isArray(settings.tools) ? settings.tools.flatMap(readTool) : [],
      drawing: settings.drawing === true,
    },
  };
}

function readTool(found: unknown): Tool[] {
  if (!isObject(found)) return [];
  return [{ name: text(found.name), description: text(found.description), schema: text(found.schema) }];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
