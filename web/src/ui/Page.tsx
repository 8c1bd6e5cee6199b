import { Group, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";

import { KeyGate } from "./KeyGate";
import classes from "./Page.module.css";

export interface PageProps {
  /** Its heading, and what the browser's tab is called. */
  title: string;
  /** Beside the heading, as a count or a state. */
  beside?: ReactNode;
  /** Right of the heading: buttons. */
  actions?: ReactNode;
  /** It uses `/api`, so it may need an admin key. */
  admin?: boolean;
  /** `full`: all of the window's width and height, without a margin, for tools; the heading is only for those who listen. */
  layout?: "normal" | "wide" | "full";
  children: ReactNode;
}

/** What every page is in: a heading, room around, the question for the admin key. */
export function Page({ title, beside, actions, admin = false, layout = "normal", children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Sluiceway`;
  }, [title]);
  const content = admin ? <KeyGate>{children}</KeyGate> : children;
  if (layout === "full") {
    return (
      <div className={classes.full}>
        <h1 className={classes.hidden}>{title}</h1>
        {content}
      </div>
    );
  }
  return (
    <div className={classes.page} data-layout={layout}>
      <Group justify="space-between" align="center" mb="lg" gap="md">
        <Group gap="sm" align="center">
          <Title order={1} size={26}>
            {title}
          </Title>
          {beside}
        </Group>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {content}
    </div>
  );
}
