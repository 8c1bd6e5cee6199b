import { Code, Text } from "@mantine/core";
import { IconTool } from "@tabler/icons-react";

import { CopyButton } from "@/ui/CopyButton";

import classes from "./Answer.module.css";
import { useT } from "./i18n";
import { parsed } from "./request";
import type { Call, Result } from "./types";

/** A call of a tool, with its arguments as they grow, and its result once there is one. */
export function CallCard({ call, growing, result }: { call: Call; growing: boolean; result: Result | undefined }) {
  const t = useT();
  const value = growing ? undefined : parsed(call.arguments);
  const shown = value === undefined ? call.arguments : JSON.stringify(value, null, 2);
  return (
    <section className={classes.call} aria-label={t("call", { name: call.name || t("unnamed") })}>
      <header className={classes.callHead}>
        <IconTool size={16} stroke={1.7} aria-hidden />
        <Text size="sm" fw={600} component="span">
          {call.name || t("unnamed")}
        </Text>
        <Text size="xs" c="dimmed" component="span" className={classes.callId}>
          {call.id}
        </Text>
        <CopyButton value={call.arguments} label={t("copyArguments")} />
      </header>
      <Code block className={classes.callBody} tabIndex={0}>
        {shown}
        {growing && <span className={classes.caret} />}
      </Code>
      {result && (
        <div className={classes.callResult}>
          <Text size="xs" c="dimmed">
            {t("result")}
          </Text>
          <Code block className={classes.callBody} tabIndex={0}>
            {result.text}
          </Code>
        </div>
      )}
    </section>
  );
}
