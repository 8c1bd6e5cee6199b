import { ActionIcon, Menu, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconActivity, IconBrandPython, IconCode, IconRefresh, IconTerminal2 } from "@tabler/icons-react";
import { Link } from "react-router";

import { endpoint, type Profile } from "@/lib/profiles";
import { CopyButton } from "@/ui/CopyButton";

import { textOf } from "./answer";
import { asCurl, asPython } from "./copyAs";
import { Figures } from "./Figures";
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
      <Figures answer={answer} elapsedMs={answer.endMs ?? 0} />
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
              <IconCode size="70%" />
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
