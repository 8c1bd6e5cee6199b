import { ActionIcon, Menu, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconActivity, IconBrandPython, IconRefresh, IconShare2, IconTerminal2 } from "@tabler/icons-react";
import { Link } from "react-router";

import { useFormat } from "@/i18n";
import { endpoint, type Profile } from "@/lib/profiles";
import { CopyButton } from "@/ui/CopyButton";

import { speed, textOf } from "./answer";
import { asCurl, asPython } from "./copyAs";
import { useT } from "./i18n";
import type { Request } from "./request";
import classes from "./Thread.module.css";
import type { AnswerTurn } from "./types";

/** Under an answer that has ended: how long it took, what it used, and what can be done with it. */
export function AnswerFoot({
  turn,
  profile,
  request,
  onAgain,
}: {
  turn: AnswerTurn;
  profile: Profile;
  /** Made only when asked for. */
  request: () => Request;
  onAgain: (() => void) | undefined;
}) {
  const t = useT();
  const { answer } = turn;
  const copy = (as: "curl" | "python") => {
    const base = new URL(endpoint(profile, "").url, window.location.href).href;
    const text = as === "curl" ? asCurl(request(), base) : asPython(turn.dialect, request(), base);
    navigator.clipboard.writeText(text).then(
      () => notifications.show({ message: t("copied") }),
      () => notifications.show({ message: t("copyFailed"), color: "red" }),
    );
  };
  return (
    <div className={classes.foot}>
      <Figures turn={turn} />
      <div className={classes.actions}>
        {textOf(answer) !== "" && <CopyButton value={textOf(answer)} label={t("copyText")} />}
        {onAgain && (
          <Tooltip label={t("again")}>
            <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("again")} onClick={onAgain}>
              <IconRefresh size="70%" />
            </ActionIcon>
          </Tooltip>
        )}
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("copyAs")} title={t("copyAs")}>
              <IconShare2 size="70%" />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Label>{t("copyAs")}</Menu.Label>
            <Menu.Item leftSection={<IconTerminal2 size={16} aria-hidden />} onClick={() => copy("curl")}>
              {t("copyCurl")}
            </Menu.Item>
            <Menu.Item leftSection={<IconBrandPython size={16} aria-hidden />} onClick={() => copy("python")}>
              {t("copyPython")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
        {answer.requestId !== "" && profile.baseUrl === "" && (
          <Tooltip label={t("seeStream")}>
            <ActionIcon component={Link} to={`/streams/${answer.requestId}`} variant="subtle" color="gray" size="sm" aria-label={t("seeStream")}>
              <IconActivity size="70%" />
            </ActionIcon>
          </Tooltip>
        )}
      </div>
    </div>
  );
}

function Figures({ turn: { answer } }: { turn: AnswerTurn }) {
  const t = useT();
  const format = useFormat();
  const fast = speed(answer, answer.endMs ?? 0);
  const { input, output, reasoning, cached } = answer.usage;
  const known = (count: number | null) => format.count(count);
  return (
    <div className={`${classes.figures} sw-numbers`} data-testid="figures">
      {answer.firstMs !== null && (
        <span>
          {t("firstToken")} <b>{format.duration(answer.firstMs)}</b>
        </span>
      )}
      {fast && (
        <Tooltip label={fast.exact ? t("speedExact") : t("speedAbout")}>
          <span>
            <b>{fast.exact ? t("perSecond", { n: rounded(fast.perS) }) : t("perSecondAbout", { n: rounded(fast.perS) })}</b>
          </span>
        </Tooltip>
      )}
      {answer.endMs !== null && (
        <span>
          {t("total")} <b>{format.duration(answer.endMs)}</b>
        </span>
      )}
      {(input !== null || output !== null) && (
        <Tooltip label={t("tokensDetail", { input: known(input), cached: known(cached), output: known(output), reasoning: known(reasoning) })}>
          <span>{t("tokens", { input: known(input), output: known(output) })}</span>
        </Tooltip>
      )}
      {answer.finish !== "" && (
        <Tooltip label={t("finish", { reason: answer.finish })}>
          <span>{answer.finish}</span>
        </Tooltip>
      )}
    </div>
  );
}

function rounded(perS: number): number {
  return perS < 10 ? Math.round(perS * 10) / 10 : Math.round(perS);
}
