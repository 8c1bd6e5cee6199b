import { Button, Group, Modal, Stack, Text } from "@mantine/core";

import type { Question } from "./confirm";
import { useT } from "./i18n";

/** The dialog of `confirm`. */
export default function Confirmation({ question, open, onAnswer }: { question: Question; open: boolean; onAnswer: (yes: boolean) => void }) {
  const t = useT();
  return (
    <Modal opened={open} onClose={() => onAnswer(false)} title={question.title} centered>
      <Stack>
        {question.text !== undefined && <Text component="div">{question.text}</Text>}
        <Group justify="flex-end">
          <Button variant="default" onClick={() => onAnswer(false)}>
            {t("cancel")}
          </Button>
          <Button color={question.danger ? "red" : "water"} onClick={() => onAnswer(true)} data-autofocus>
            {question.yes}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
