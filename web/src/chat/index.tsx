import { Drawer } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import { IconMessageOff } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useNavigate, useParams } from "react-router";

import { useStore } from "@/lib/persisted";
import { EmptyState } from "@/ui/EmptyState";
import { Page } from "@/ui/Page";

import classes from "./Chat.module.css";
import { ConversationView } from "./ConversationView";
import { History } from "./History";
import { useT } from "./i18n";
import { draftId, open, openKept } from "./session";

/** Wide enough for the history beside the conversation. */
const WIDE = "(min-width: 68em)";

export default function ChatPage() {
  const t = useT();
  const go = useNavigate();
  const wide = useMediaQuery(WIDE, undefined, { getInitialValueInEffect: false });
  const [history, { open: showHistory, close: hideHistory }] = useDisclosure(false);
  const { id, missing } = useConversationId();
  const conversation = useStore(open)[id];
  const title = conversation?.title ?? "";

  return (
    <Page title={title ? `${title} · ${t("title")}` : t("title")} layout="full">
      <div className={classes.page}>
        {wide ? (
          <aside className={classes.side}>
            <History current={id} />
          </aside>
        ) : (
          <Drawer opened={history} onClose={hideHistory} size={300} title={t("history")} closeButtonProps={{ "aria-label": t("close") }} classNames={{ body: classes.drawer ?? "" }}>
            <History current={id} onPick={hideHistory} />
          </Drawer>
        )}
        {conversation ? (
          <ConversationView
            key={id}
            conversation={conversation}
            onBegin={() => void go(`/chat/${id}`, { replace: true })}
            {...(wide ? {} : { onHistory: showHistory })}
          />
        ) : (
          missing && (
            <div className={classes.missing}>
              <EmptyState title={t("missing")} icon={IconMessageOff}>
                {t("missingText")}
              </EmptyState>
            </div>
          )
        )}
      </div>
    </Page>
  );
}

/** The conversation of the address, or one that has not begun. */
function useConversationId(): { id: string; missing: boolean } {
  const wanted = useParams()["*"] ?? "";
  const [drafted, setDrafted] = useState("");
  const [missed, setMissed] = useState("");
  useEffect(() => {
    let gone = false;
    const found = wanted === "" ? Promise.resolve(draftId()).then(setDrafted) : openKept(wanted).then((there) => setMissed(there || gone ? "" : wanted));
    found.catch(() => setMissed(wanted));
    return () => {
      gone = true;
    };
  }, [wanted]);
  return { id: wanted || drafted, missing: wanted !== "" && missed === wanted };
}
