import { Button, CloseButton, Text, TextInput } from "@mantine/core";
import { IconPlus, IconSearch } from "@tabler/icons-react";
import { useLiveQuery } from "dexie-react-hooks";
import { useState } from "react";
import { Link, useNavigate } from "react-router";

import { confirm } from "@/ui/confirm";

import classes from "./Chat.module.css";
import { forget, forgetAll, type Head, heads, isAbout } from "./db";
import { BEGIN } from "./defaults";
import { HistoryLine } from "./HistoryLine";
import { useT } from "./i18n";
import { close } from "./session";

/** All conversations of this browser, by day. */
export function History({ current, onPick }: { current: string; onPick?: () => void }) {
  const t = useT();
  const go = useNavigate();
  const [wanted, setWanted] = useState("");
  const all = useLiveQuery(heads, []);
  const found = (all ?? []).filter((head) => isAbout(head, wanted.trim()));

  const remove = async (head: Head) => {
    const title = head.title || t("untitled");
    if (!(await confirm({ title: t("removeTitle"), text: t("removeText", { title }), yes: t("remove"), danger: true }))) return;
    close(head.id);
    await forget(head.id);
    if (head.id === current) await go("/chat");
  };
  const removeAll = async () => {
    if (!(await confirm({ title: t("removeAllTitle"), text: t("removeAllText"), yes: t("remove"), danger: true }))) return;
    for (const head of all ?? []) close(head.id);
    await forgetAll();
    await go("/chat");
  };

  return (
    <nav className={classes.history} aria-label={t("history")}>
      <Button component={Link} to="/chat" state={BEGIN} variant="light" leftSection={<IconPlus size={16} aria-hidden />} onClick={onPick}>
        {t("newChat")}
      </Button>
      <TextInput
        size="sm"
        aria-label={t("search")}
        placeholder={t("search")}
        leftSection={<IconSearch size={15} aria-hidden />}
        rightSection={wanted ? <CloseButton size="sm" aria-label={t("cancel")} onClick={() => setWanted("")} /> : null}
        value={wanted}
        onChange={(event) => setWanted(event.currentTarget.value)}
      />
      <div className={classes.list}>
        {grouped(found, new Date()).map(([age, some]) => (
          <section key={age}>
            <h2 className={classes.age}>{t(age)}</h2>
            <ul>
              {some.map((head) => (
                <HistoryLine key={head.id} head={head} current={head.id === current} onPick={onPick} onRemove={() => void remove(head)} />
              ))}
            </ul>
          </section>
        ))}
        {all !== undefined && found.length === 0 && (
          <Text size="sm" c="dimmed" px="xs" py="md">
            {all.length === 0 ? t("noHistory") : t("nothingFound")}
          </Text>
        )}
      </div>
      {(all?.length ?? 0) > 1 && wanted.trim() === "" && (
        <Button variant="subtle" color="gray" size="xs" onClick={() => void removeAll()}>
          {t("removeAll")}
        </Button>
      )}
    </nav>
  );
}

type Age = "today" | "yesterday" | "thisWeek" | "earlier";

/** The latest first, in groups that people think in. */
function grouped(all: readonly Head[], now: Date): [Age, Head[]][] {
  const midnight = (daysBack: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() - daysBack).getTime();
  const ageOf = ({ updated }: Head): Age =>
    updated >= midnight(0) ? "today" : updated >= midnight(1) ? "yesterday" : updated >= midnight(7) ? "thisWeek" : "earlier";
  const groups = new Map<Age, Head[]>();
  for (const head of all) groups.set(ageOf(head), [...(groups.get(ageOf(head)) ?? []), head]);
  return [...groups];
}
