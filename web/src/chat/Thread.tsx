import { ActionIcon } from "@mantine/core";
import { IconArrowDown } from "@tabler/icons-react";
import { useEffect, useMemo } from "react";

import { callsOf } from "./answer";
import { useT } from "./i18n";
import { preload } from "./Markdown";
import { ResultsForm } from "./Results";
import { again, edit, choose, profileOf, requestAfter, sendResults } from "./session";
import classes from "./Thread.module.css";
import { beside, isRunning, pathOf } from "./tree";
import { AnswerTurnView, type Branches, UserTurnView } from "./TurnView";
import type { AnswerTurn, Conversation, Lane, Turn } from "./types";
import { useStickToEnd } from "./useStickToEnd";

/** What was said with one model, along the chosen branches. */
export function Thread({ conversation, lane, onAsked }: { conversation: Conversation; lane: Lane; onAsked: () => void }) {
  const t = useT();
  const path = useMemo(() => pathOf(lane.tree), [lane.tree]);
  const { ref, content, away, toEnd } = useStickToEnd(path.at(-1)?.id);
  const last = path.at(-1);
  useEffect(preload, []);
  const running = isRunning(lane.tree);
  const unanswered = last?.role === "assistant" && last.answer.status === "done" ? callsOf(last.answer) : [];

  return (
    <div className={classes.around}>
      <div ref={ref} className={classes.scroll} role="log" aria-live="off" aria-label={t("laneName", { model: lane.model })} tabIndex={0}>
        <div ref={content} className={classes.turns}>
          {path.map((turn, index) => (
            <TurnOf key={turn.id} turn={turn} next={path[index + 1]} conversation={conversation} lane={lane} idle={!running} onAsked={onAsked} />
          ))}
          {last && unanswered.length > 0 && (
            <ResultsForm
              key={last.id}
              calls={unanswered}
              onSend={(results) => {
                sendResults(conversation.id, lane.id, last.id, results);
                onAsked();
              }}
            />
          )}
        </div>
      </div>
      {away && (
        <ActionIcon className={classes.toEnd ?? ""} variant="default" radius="xl" size="lg" aria-label={t("toEnd")} onClick={toEnd}>
          <IconArrowDown size={18} aria-hidden />
        </ActionIcon>
      )}
      <Announcement turn={last} />
    </div>
  );
}

function TurnOf({
  turn,
  next,
  conversation,
  lane,
  idle,
  onAsked,
}: {
  turn: Turn;
  next: Turn | undefined;
  conversation: Conversation;
  lane: Lane;
  idle: boolean;
  onAsked: () => void;
}) {
  const all = beside(lane.tree, turn.id);
  const at = all.findIndex((one) => one.id === turn.id);
  const branches: Branches | undefined =
    all.length > 1
      ? {
          at: at + 1,
          n: all.length,
          go: (by) => {
            const to = all[at + by];
            if (to) choose(conversation.id, to.id);
          },
        }
      : undefined;
  const askedAgain = () => {
    again(conversation.id, lane.id, turn.id);
    onAsked();
  };
  switch (turn.role) {
    case "user": {
      const edited = (text: string) => {
        edit(conversation.id, turn.id, text, turn.pictures);
        onAsked();
      };
      return (
        <UserTurnView
          turn={turn}
          branches={branches}
          onEdit={idle ? edited : undefined}
        />
      );
    }
    case "assistant":
      return (
        <AnswerTurnView
          turn={turn}
          branches={branches}
          results={next?.role === "tool" ? next.results : NONE}
          profile={profileOf(conversation.settings)}
          request={() => requestAfter(conversation, { ...lane, dialect: turn.dialect, model: turn.asked }, turn.parent ?? "")}
          onAgain={idle ? askedAgain : undefined}
        />
      );
    case "tool":
      // They are shown with their calls.
      return null;
  }
}

const NONE: readonly never[] = [];

/** To those who listen, once an answer has ended: not each word of it. */
function Announcement({ turn }: { turn: Turn | undefined }) {
  const t = useT();
  const words = turn?.role === "assistant" ? announced(turn, t) : "";
  return (
    <div role="status" className={classes.heard}>
      {words}
    </div>
  );
}

function announced(turn: AnswerTurn, t: ReturnType<typeof useT>): string {
  switch (turn.answer.status) {
    case "running":
      return "";
    case "done":
      return t("announceDone");
    case "stopped":
      return t("announceStopped");
    default:
      return t("announceBroken");
  }
}
