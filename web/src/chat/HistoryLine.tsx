import { ActionIcon, TextInput, Tooltip } from "@mantine/core";
import { IconPencil, IconTrash } from "@tabler/icons-react";
import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from "react";
import { Link } from "react-router";

import classes from "./Chat.module.css";
import type { Head } from "./db";
import { useT } from "./i18n";
import { MAX_TITLE_LENGTH, rename } from "./session";

/** One conversation of the history: a link, and how to rename (also F2) and delete it. */
export function HistoryLine({ head, current, onPick, onRemove }: { head: Head; current: boolean; onPick: (() => void) | undefined; onRemove: () => void }) {
  const t = useT();
  const link = useRef<HTMLAnchorElement>(null);
  const [draft, setDraft] = useState<string>();
  const title = head.title || t("untitled");
  const renaming = draft !== undefined;
  const begin = () => setDraft(head.title);
  const returning = useReturn(renaming, link);

  const end = (keeps: boolean) => {
    const name = draft?.trim().replace(/\s+/g, " ") ?? "";
    // A name of nothing is none: the one before stays.
    if (keeps && name !== "" && name !== head.title) void rename(head.id, name);
    setDraft(undefined);
  };
  const keyed = (event: KeyboardEvent) => {
    // While an input method composes, both keys are its own.
    if (event.nativeEvent.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    returning();
    end(event.key === "Enter");
  };

  if (renaming) {
    return (
      <li data-current={current || undefined}>
        <TextInput
          className={classes.renaming ?? ""}
          size="sm"
          aria-label={t("renameLabel")}
          maxLength={MAX_TITLE_LENGTH}
          // Escape ends the renaming, and not the drawer that it is in.
          data-mantine-stop-propagation="true"
          autoFocus
          value={draft}
          onFocus={(event) => event.currentTarget.select()}
          onChange={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={keyed}
          onBlur={() => end(true)}
        />
      </li>
    );
  }
  return (
    <li data-current={current || undefined}>
      <Link
        ref={link}
        to={`/chat/${head.id}`}
        title={title}
        aria-current={current ? "page" : undefined}
        aria-keyshortcuts="F2"
        onClick={onPick}
        onKeyDown={(event) => {
          if (event.key !== "F2") return;
          event.preventDefault();
          begin();
        }}
      >
        <span className={classes.title}>{title}</span>
        <span className={classes.models}>{head.models.join(" · ")}</span>
      </Link>
      <Tooltip label={t("renameKey")}>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("rename", { title })} onClick={begin}>
          <IconPencil size={15} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label={t("remove")}>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("removeChat", { title })} onClick={onRemove}>
          <IconTrash size={15} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
    </li>
  );
}

/** Whoever ended the renaming with a key goes on from the link. Who clicked elsewhere is there already. */
function useReturn(renaming: boolean, link: RefObject<HTMLAnchorElement | null>): () => void {
  const wanted = useRef(false);
  useEffect(() => {
    if (renaming || !wanted.current) return;
    wanted.current = false;
    link.current?.focus();
  }, [renaming, link]);
  return () => {
    wanted.current = true;
  };
}
