import { ActionIcon, Alert, Button, Text, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAdjustmentsHorizontal, IconColumns2, IconHistory, IconPlus } from "@tabler/icons-react";
import { lazy, type RefObject, Suspense, useEffect, useMemo, useRef } from "react";
import { Link, useLocation, useNavigate } from "react-router";

import { useStore } from "@/lib/persisted";
import { useShortcuts } from "@/ui/shortcuts";

import classes from "./Chat.module.css";
import { Composer } from "./Composer";
import { BEGIN } from "./defaults";
import { useT } from "./i18n";
import { LaneHead } from "./LaneHead";
import { addLane, isBusy, profileOf, send, setLane, stop, unkept } from "./session";
import { Thread } from "./Thread";
import type { Conversation, Picture } from "./types";
import { useModels } from "./useModels";

const SettingsDrawer = lazy(() => import("./SettingsDrawer"));

/** One conversation, with one model or two side by side. */
export function ConversationView({
  conversation,
  onBegin,
  onHistory,
}: {
  conversation: Conversation;
  /** The first word was said. */
  onBegin: () => void;
  /** Shows the history, where it is not beside. */
  onHistory?: () => void;
}) {
  const t = useT();
  const go = useNavigate();
  const input = useRef<HTMLTextAreaElement>(null);
  const [settings, { open: openSettings, close: closeSettings }] = useDisclosure(false);
  const [wanted, { open: wantSettings }] = useDisclosure(false);
  const models = useModels(profileOf(conversation.settings));
  const lost = useStore(unkept);
  const { id, lanes } = conversation;
  const busy = isBusy(conversation);
  const empty = lanes.every((lane) => lane.tree.turns.length === 0);
  useFirstModel(conversation, models);
  useShortcuts(
    useMemo(
      () => [
        { keys: ["n"], label: t("key.new"), run: () => void go("/chat", { state: BEGIN }) },
        { keys: ["/"], label: t("key.say"), run: () => input.current?.focus() },
        ...(busy ? [{ keys: ["Escape"], label: t("key.stop"), run: () => stop(id) }] : []),
      ],
      [t, go, busy, id],
    ),
  );
  useFocusOnBegin(input);

  // What was pressed for it is gone then: the keyboard goes on from where one types.
  const toInput = () => {
    if (window.matchMedia(HAS_POINTER).matches) input.current?.focus();
  };
  const say = (text: string, pictures: Picture[] = []) => {
    send(id, text, pictures);
    if (empty) onBegin();
    toInput();
  };
  const stopAll = () => {
    stop(id);
    toInput();
  };
  const compare = () => addLane(id, models.find((name) => name !== lanes[0]?.model && !isFault(name)) ?? "");

  return (
    <section className={classes.conversation}>
      <header className={classes.bar}>
        {onHistory && <Tool label={t("showHistory")} icon={IconHistory} onClick={onHistory} />}
        <span className={classes.name}>{conversation.title || t("newChat")}</span>
        <div className={classes.lanes} data-count={lanes.length}>
          {lanes.map((lane) => (
            <LaneHead key={lane.id} conversation={conversation} lane={lane} models={models} />
          ))}
        </div>
        {lanes.length === 1 && <Tool label={t("compare")} icon={IconColumns2} onClick={compare} disabled={busy} />}
        <Tool
          label={t("settings")}
          icon={IconAdjustmentsHorizontal}
          onClick={() => {
            wantSettings();
            openSettings();
          }}
        />
        {onHistory && (
          <Tooltip label={t("newChat")}>
            <ActionIcon component={Link} to="/chat" state={BEGIN} variant="subtle" color="gray" size="lg" aria-label={t("newChat")}>
              <IconPlus size={20} stroke={1.7} />
            </ActionIcon>
          </Tooltip>
        )}
      </header>
      {lost && (
        <Alert color="gate" variant="light" m="sm" py="xs">
          {t("unkept")}
        </Alert>
      )}
      {empty ? (
        <Hello compare={lanes.length > 1} onTry={lanes.every((lane) => lane.model) ? say : undefined} />
      ) : (
        <div className={classes.threads} data-count={lanes.length}>
          {lanes.map((lane) => (
            <Thread key={lane.id} conversation={conversation} lane={lane} onAsked={toInput} />
          ))}
        </div>
      )}
      <div className={classes.composer}>
        <Composer input={input} busy={busy} ready={lanes.every((lane) => lane.model.trim() !== "")} onSend={say} onStop={stopAll} />
      </div>
      <Suspense fallback={null}>{wanted && <SettingsDrawer conversation={conversation} opened={settings} onClose={closeSettings} />}</Suspense>
    </section>
  );
}

function Tool({ label, icon: Icon, onClick, disabled = false }: { label: string; icon: typeof IconPlus; onClick: () => void; disabled?: boolean }) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={label} onClick={onClick} disabled={disabled}>
        <Icon size={20} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  );
}

function Hello({ compare, onTry }: { compare: boolean; onTry: ((text: string) => void) | undefined }) {
  const t = useT();
  return (
    <div className={classes.hello}>
      <h2>{t("hello")}</h2>
      <Text c="dimmed" maw={520}>
        {compare ? t("helloCompare") : t("helloText")}
      </Text>
      <div className={classes.tries}>
        {(["try.gate", "try.code", "try.table"] as const).map((key) => (
          <Button key={key} variant="default" radius="xl" size="sm" disabled={!onTry} onClick={() => onTry?.(t(key))}>
            {t(key)}
          </Button>
        ))}
      </div>
    </div>
  );
}

/** Without one, the focus would call up a keyboard on the screen, over what is read. */
const HAS_POINTER = "(hover: hover)";

/** Whoever begins a chat wants to type. */
function useFocusOnBegin(input: RefObject<HTMLTextAreaElement | null>): void {
  const { key, state } = useLocation() as { key: string; state: unknown };
  useEffect(() => {
    if (state === BEGIN && window.matchMedia(HAS_POINTER).matches) input.current?.focus();
    // Each time anew, also from a chat that has not begun.
  }, [key, state, input]);
}

/** Of the simulated provider: models that break. Nobody wants one by default. */
function isFault(name: string): boolean {
  return name.startsWith("fault-");
}

/** Where no model was chosen yet: the first one that is listed. */
function useFirstModel(conversation: Conversation, models: readonly string[]): void {
  const { id, lanes } = conversation;
  useEffect(() => {
    const first = models.find((name) => !isFault(name));
    // Not while somebody types one: only as long as nothing was ever chosen.
    for (const lane of lanes) if (first !== undefined && lane.model === "") setLane(id, lane.id, { model: first });
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [id, models]);
}
