import { Alert, Button, Text } from "@mantine/core";
import { IconPlayerStop } from "@tabler/icons-react";
import { Fragment, type ReactNode } from "react";

import { ApiError, type Problem } from "@/lib/errors";
import { ErrorBox } from "@/ui/ErrorBox";

import { isClosed } from "./answer";
import classes from "./Answer.module.css";
import { CallCard } from "./CallCard";
import { useT } from "./i18n";
import { Markdown } from "./Markdown";
import { Thought } from "./Thought";
import type { Answer, Part, Result } from "./types";
import { Waiting } from "./Waiting";

/** What a model said, thought, called and drew, in that order; and how it ended, if not well. */
export function AnswerView({
  answer,
  askedAt,
  results,
  hint,
  onAgain,
}: {
  answer: Answer;
  /** Unix milliseconds. */
  askedAt: number;
  /** What the tools answered, if they did. */
  results: readonly Result[];
  /** What may help, if it broke. */
  hint: string;
  onAgain?: (() => void) | undefined;
}) {
  const running = answer.status === "running";
  return (
    <div className={classes.answer} data-running={running || undefined}>
      {answer.parts.map((part, index) => (
        <Fragment key={index}>
          <PartView part={part} growing={running && index === answer.parts.length - 1} results={results} />
        </Fragment>
      ))}
      {running && <Waiting answer={answer} askedAt={askedAt} />}
      <Outcome answer={answer} hint={hint} onAgain={onAgain} />
    </div>
  );
}

function PartView({ part, growing, results }: { part: Part; growing: boolean; results: readonly Result[] }) {
  const t = useT();
  switch (part.type) {
    case "text":
      return <Markdown text={part.text} />;
    case "reasoning":
      return <Thought text={part.text} hidden={part.text === "" && isClosed(part)} growing={growing} />;
    case "call":
      return <CallCard call={part} growing={growing} result={results.find((one) => one.call === part.id)} />;
    case "image":
      return (
        <figure className={classes.picture} data-final={part.final || undefined}>
          <img src={part.url} alt={t("picture")} />
          {!part.final && <figcaption>{t("forming")}</figcaption>}
        </figure>
      );
  }
}

/** Reasons that cut an answer short, in the words of all dialects. */
const CUT_SHORT = ["length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"];
const FILTERED = ["content_filter", "refusal"];

function Outcome({ answer, hint, onAgain }: { answer: Answer; hint: string; onAgain: (() => void) | undefined }): ReactNode {
  const t = useT();
  if (answer.status === "error" && answer.error) {
    const some = answer.parts.length > 0;
    return (
      <ErrorBox error={errorOf(answer.error, answer.requestId)} title={some ? t("brokeOff") : t("neverCame")} {...(onAgain ? { onRetry: onAgain } : {})}>
        {some && <Text size="sm">{t("brokeOffKept")}</Text>}
        {hint && <Text size="sm">{hint}</Text>}
      </ErrorBox>
    );
  }
  if (answer.status === "stopped") return <Note icon={<IconPlayerStop size={14} aria-hidden />}>{t("stoppedByYou")}</Note>;
  if (answer.status === "lost") {
    return (
      <Alert color="gate" variant="light" py="xs">
        <Text size="sm">{t("lost")}</Text>
        {onAgain && (
          <Button size="xs" variant="default" mt="xs" onClick={onAgain}>
            {t("again")}
          </Button>
        )}
      </Alert>
    );
  }
  if (answer.status === "running") return null;
  if (CUT_SHORT.includes(answer.finish)) return <Note>{t("cutShort")}</Note>;
  if (FILTERED.includes(answer.finish)) return <Note>{t("filtered")}</Note>;
  return answer.parts.length === 0 ? <Note>{t("empty")}</Note> : null;
}

function Note({ icon, children }: { icon?: ReactNode; children: ReactNode }) {
  return (
    <p className={classes.note}>
      {icon}
      {children}
    </p>
  );
}

function errorOf(problem: Problem, requestId: string): ApiError {
  return new ApiError({ ...problem, requestId: problem.requestId ?? (requestId || null) });
}
