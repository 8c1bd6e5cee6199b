import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { store, useStore } from "@/lib/persisted";

import { useT } from "./i18n";

export interface Question {
  title: string;
  /** What will happen. */
  text?: ReactNode;
  /** What the button says that does it: a verb. */
  yes: string;
  /** It destroys something. */
  danger?: boolean;
}

const asked = store<{ question: Question; answer: (yes: boolean) => void; open: boolean } | undefined>(undefined);

/** Ask before something that can't be undone: `if (await confirm({ title, yes, danger: true })) …`. */
export function confirm(question: Question): Promise<boolean> {
  asked.get()?.answer(false);
  return new Promise((resolve) => asked.set({ question, answer: resolve, open: true }));
}

/** Where the questions appear: once, in the shell. */
export function Confirmations() {
  const t = useT();
  const current = useStore(asked);
  const close = (yes: boolean) => {
    current?.answer(yes);
    asked.set((before) => before && { ...before, open: false });
  };
  return (
    <Modal opened={current?.open ?? false} onClose={() => close(false)} title={current?.question.title} centered>
      <Stack>
        {current?.question.text !== undefined && <Text component="div">{current.question.text}</Text>}
        <Group justify="flex-end">
          <Button variant="default" onClick={() => close(false)}>
            {t("cancel")}
          </Button>
          <Button color={current?.question.danger ? "red" : "water"} onClick={() => close(true)} data-autofocus>
            {current?.question.yes}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
