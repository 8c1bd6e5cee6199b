import { Collapse, UnstyledButton } from "@mantine/core";
import { IconBulb, IconChevronRight } from "@tabler/icons-react";
import { useId, useState } from "react";

import classes from "./Answer.module.css";
import { useT } from "./i18n";
import { Markdown } from "./Markdown";

/** What a model thought: open while it thinks, then folded, as long as nobody says otherwise. */
export function Thought({ text, hidden, growing }: { text: string; hidden: boolean; growing: boolean }) {
  const t = useT();
  const [wanted, setWanted] = useState<boolean>();
  const id = useId();
  const open = wanted ?? growing;
  if (text === "" && !hidden) return null;
  return (
    <section className={classes.thought}>
      <UnstyledButton className={classes.fold} aria-expanded={open} aria-controls={id} onClick={() => setWanted(!open)}>
        <IconBulb size={16} stroke={1.7} aria-hidden />
        {growing ? t("thinking") : t("thought")}
        <IconChevronRight size={14} aria-hidden className={classes.chevron} data-open={open || undefined} />
      </UnstyledButton>
      <Collapse expanded={open} id={id}>
        <div className={classes.inner}>{hidden ? t("hiddenThought") : <Markdown text={text} />}</div>
      </Collapse>
    </section>
  );
}
