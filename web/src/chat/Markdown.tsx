import { lazy, Suspense } from "react";

import classes from "./Markdown.module.css";

const load = () => import("./MarkdownText");

const MarkdownText = lazy(load);

/** Have what formats text at hand before there is any. */
export function preload(): void {
  // Without it, `lazy` tries again, and says what is wrong.
  load().catch(() => undefined);
}

/** Text of a model, formatted; plain, as long as what formats it is not there yet. */
export function Markdown({ text }: { text: string }) {
  return (
    <Suspense fallback={<div className={`${classes.text} ${classes.plain}`}>{text}</div>}>
      <MarkdownText text={text} />
    </Suspense>
  );
}
