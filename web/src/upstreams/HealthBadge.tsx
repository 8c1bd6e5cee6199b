import { Badge, Tooltip } from "@mantine/core";

import type { Health } from "./health";
import classes from "./Upstreams.module.css";
import { useT } from "./i18n";

/** Whether an upstream takes requests, in a word; why not, on hovering. */
export function HealthBadge({ health }: { health: Health }) {
  const t = useT();
  return (
    <Tooltip label={t(`${health}Why`)} multiline maw={320}>
      <Badge className={classes.badge ?? ""} data-health={health} variant="light" tt="none" leftSection={<span className={classes.dot} />}>
        {t(health)}
      </Badge>
    </Tooltip>
  );
}
