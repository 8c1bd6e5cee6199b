import { CopyButton } from "@/ui/CopyButton";
import { memo, type ReactNode, useDeferredValue, useEffect, useState } from "react";
import ReactMarkdown, { type Components, type Options } from "react-markdown";
import remarkGfm from "remark-gfm";

import "./highlight.css";
import { useT } from "./i18n";
import classes from "./Markdown.module.css";

type Plugins = NonNullable<Options["rehypePlugins"]>;

const REMARK = [remarkGfm];
const PLAIN: Plugins = [];

let highlighting: Plugins | undefined;

/**
 * Text of a model, formatted. HTML in it is shown as the text it is, addresses are only those of the web, and pictures
 * from elsewhere are links: who draws them would tell a stranger that, and what, somebody reads.
 */
const MarkdownText = memo(function MarkdownText({ text }: { text: string }) {
  // Long answers take long to format: typing and stopping go first.
  const shown = useDeferredValue(text);
  const plugins = useHighlighting(shown.includes("```") || shown.includes("~~~"));
  return (
    <div className={classes.text}>
      <Formatted text={shown} plugins={plugins} />
    </div>
  );
});

export default MarkdownText;

const Formatted = memo(function Formatted({ text, plugins }: { text: string; plugins: Plugins }) {
  return (
    <ReactMarkdown remarkPlugins={REMARK} rehypePlugins={plugins} components={COMPONENTS}>
      {text}
    </ReactMarkdown>
  );
});

/** Loaded when there is code for the first time. */
function useHighlighting(wanted: boolean): Plugins {
  const [plugins, setPlugins] = useState<Plugins>(highlighting ?? PLAIN);
  useEffect(() => {
    if (!wanted || highlighting) return;
    let gone = false;
    void import("rehype-highlight").then(
      ({ default: highlight }) => {
        highlighting = [highlight];
        if (!gone) setPlugins(highlighting);
      },
      // Without colours, then.
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [wanted]);
  return plugins;
}

const COMPONENTS: Components = {
  a: ({ href, children }) =>
    href ? (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    ) : (
      <>{children}</>
    ),
  img: ({ src, alt }) =>
    typeof src === "string" && src ? (
      <a href={src} target="_blank" rel="noopener noreferrer nofollow">
        {alt === undefined || alt === "" ? src : alt}
      </a>
    ) : (
      <>{alt}</>
    ),
  pre: ({ children }) => <CodeBlock>{children}</CodeBlock>,
  table: ({ children }) => (
    <div className={classes.table} tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
};

function CodeBlock({ children }: { children: ReactNode }) {
  const t = useT();
  const language = languageOf(children);
  return (
    <div className={classes.block}>
      <div className={classes.bar}>
        <span>{language || t("code")}</span>
        <CopyButton value={plain(children).replace(/\n$/, "")} label={t("copyCode")} />
      </div>
      <pre tabIndex={0}>{children}</pre>
    </div>
  );
}

function languageOf(node: ReactNode): string {
  return /(?:^| )language-(\S+)/.exec(propsOf(node).className ?? "")?.[1] ?? "";
}

/** The text of what is drawn. */
function plain(node: ReactNode): string {
  if (typeof node === "string" || typeof node === "number") return String(node);
  if (Array.isArray(node)) return (node as ReactNode[]).map(plain).join("");
  return plain(propsOf(node).children ?? "");
}

function propsOf(node: ReactNode): { className?: string; children?: ReactNode } {
  return typeof node === "object" && node !== null && "props" in node ? (node.props as { className?: string; children?: ReactNode }) : {};
}
