import { ActionIcon, Button, Group, Textarea, Tooltip } from "@mantine/core";
import { IconChevronLeft, IconChevronRight, IconPencil } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { flushSync } from "react-dom";

import type { Profile } from "@/lib/profiles";
import { CopyButton } from "@/ui/CopyButton";

import { AnswerView } from "./Answer";
import { AnswerFoot } from "./AnswerFoot";
import { useT } from "./i18n";
import { carriesThoughts, type Request } from "./request";
import classes from "./Thread.module.css";
import type { AnswerTurn, Result, UserTurn } from "./types";

/** Which of several turns in one place is shown. */
export interface Branches {
  at: number;
  n: number;
  go: (by: -1 | 1) => void;
}

export function UserTurnView({
  turn,
  branches,
  onEdit,
}: {
  turn: UserTurn;
  branches: Branches | undefined;
  onEdit: ((text: string) => void) | undefined;
}) {
  const t = useT();
  const [draft, setDraft] = useState<string>();
  const pencil = useRef<HTMLButtonElement>(null);
  const cancel = () => {
    // It is not there before, and without it the focus would be nowhere.
    flushSync(() => setDraft(undefined));
    pencil.current?.focus();
  };
  return (
    <article className={classes.user} aria-label={t("you")}>
      {turn.pictures.length > 0 && (
        <div className={classes.pictures}>
          {turn.pictures.map((picture, index) => (
            <img key={index} src={picture.url} alt={t("pictureAlt", { name: picture.name })} />
          ))}
        </div>
      )}
      {draft === undefined ? (
        turn.text !== "" && <div className={classes.bubble}>{turn.text}</div>
      ) : (
        <form
          className={classes.editing}
          onSubmit={(event) => {
            event.preventDefault();
            setDraft(undefined);
            onEdit?.(draft);
          }}
        >
          <Textarea
            aria-label={t("editLabel")}
            autosize
            minRows={2}
            maxRows={14}
            autoFocus
            value={draft}
            onChange={(event) => setDraft(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.nativeEvent.isComposing) return;
              if (event.key === "Escape") cancel();
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
            }}
          />
          <Group gap="xs" justify="flex-end" mt="xs">
            <Button size="xs" variant="default" onClick={cancel}>
              {t("cancel")}
            </Button>
            <Button size="xs" type="submit" disabled={draft.trim() === "" && turn.pictures.length === 0}>
              {t("saveEdit")}
            </Button>
          </Group>
        </form>
      )}
      <div className={classes.actions}>
        {branches && <BranchSwitch branches={branches} />}
        {turn.text !== "" && <CopyButton value={turn.text} label={t("copyText")} />}
        {onEdit && draft === undefined && (
          <Tooltip label={t("edit")}>
            <ActionIcon ref={pencil} variant="subtle" color="gray" size="sm" aria-label={t("edit")} onClick={() => setDraft(turn.text)}>
              <IconPencil size="70%" />
            </ActionIcon>
          </Tooltip>
        )}
      </div>
    </article>
  );
}

export function AnswerTurnView({
  turn,
  branches,
  results,
  profile,
  request,
  onAgain,
}: {
  turn: AnswerTurn;
  branches: Branches | undefined;
  results: readonly Result[];
  profile: Profile;
  request: () => Request;
  onAgain: (() => void) | undefined;
}) {
  const t = useT();
  const model = turn.answer.model || turn.asked;
  const hint = isRefused(turn) && carriesThoughts(request()) ? t("thoughtsHint") : "";
  return (
    <article className={classes.assistant} aria-label={model} aria-busy={turn.answer.status === "running"} data-status={turn.answer.status}>
      <header className={classes.head}>
        <span className={classes.model}>{model}</span>
        <span className={classes.dialect}>{t(`dialect.${turn.dialect}`)}</span>
        {branches && <BranchSwitch branches={branches} />}
      </header>
      <AnswerView answer={turn.answer} askedAt={turn.at} results={results} hint={hint} onAgain={onAgain} />
      {turn.answer.status !== "running" && <AnswerFoot turn={turn} profile={profile} request={request} onAgain={onAgain} />}
    </article>
  );
}

/** The provider read the question, and would not have it. */
function isRefused({ answer: { status, error } }: AnswerTurn): boolean {
  return status === "error" && (error?.status === 400 || error?.status === 404 || error?.status === 422);
}

function BranchSwitch({ branches: { at, n, go } }: { branches: Branches }) {
  const t = useT();
  return (
    <span className={classes.branches} role="group" aria-label={t("branch", { at, n })}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("before")} disabled={at <= 1} onClick={() => go(-1)}>
        <IconChevronLeft size="80%" />
      </ActionIcon>
      <span className="sw-numbers" aria-hidden>
        {at}/{n}
      </span>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("after")} disabled={at >= n} onClick={() => go(1)}>
        <IconChevronRight size="80%" />
      </ActionIcon>
    </span>
  );
}
