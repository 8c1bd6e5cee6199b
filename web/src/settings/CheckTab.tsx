import { Alert, Button, Code, FileButton, Group, Stack, Text, Textarea, Title } from "@mantine/core";
import { IconCircleCheck, IconFileText } from "@tabler/icons-react";
import { useRef, useState } from "react";

import { api, type ApiError, asApiError, type Checked, type Trouble } from "@/lib/api";
import { Card } from "@/ui/Card";
import { ErrorBox } from "@/ui/ErrorBox";

import { useT } from "./i18n";
import { lineIn, lineOf, rangeOf } from "./locate";
import classes from "./Settings.module.css";

/** What is wrong with a configuration that is not in force. */
export default function CheckTab() {
  const t = useT();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [checked, setChecked] = useState<{ text: string; answer: Checked }>();
  const [error, setError] = useState<ApiError>();
  const area = useRef<HTMLTextAreaElement>(null);
  const check = async () => {
    setBusy(true);
    setError(undefined);
    try {
      setChecked({ text, answer: await api.post("/api/config/validate", { body: { toml: text } }) });
    } catch (thrown) {
      setChecked(undefined);
      setError(asApiError(thrown));
    }
    setBusy(false);
  };
  const show = (line: number) => {
    const element = area.current;
    if (!element) return;
    const [start, end] = rangeOf(text, line);
    element.focus();
    element.setSelectionRange(start, end);
    element.scrollTop = Math.max(0, (element.scrollHeight / text.split("\n").length) * (line - 4));
  };
  return (
    <Card>
      <Stack>
        <Text c="dimmed">{t("checkWhy")}</Text>
        <Textarea
          ref={area}
          label={t("checkText")}
          classNames={{ input: classes.toml ?? "" }}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void check();
          }}
          placeholder={'[[upstreams]]\nname = "openai"\nbase_url = "https://api.openai.com/v1"\napi_keys = ["env:OPENAI_API_KEY"]'}
          rows={16}
          spellCheck={false}
          autoCapitalize="off"
        />
        <Group gap="xs">
          <Button onClick={check} loading={busy} disabled={text.trim() === ""}>
            {t("check")}
          </Button>
          <FileButton accept=".toml,text/plain,application/toml" onChange={async (file) => file && setText(await file.text())}>
            {(props) => (
              <Button variant="default" leftSection={<IconFileText size={16} aria-hidden />} {...props}>
                {t("checkOpen")}
              </Button>
            )}
          </FileButton>
        </Group>
        <div aria-live="polite">
          {error && <ErrorBox error={error} />}
          {checked?.answer.valid && (
            <Alert color="green" variant="light" icon={<IconCircleCheck size={20} aria-hidden />} title={t("valid")} styles={{ title: { color: "var(--sw-good)" } }}>
              {t("validWhy")}
            </Alert>
          )}
          {checked && !checked.answer.valid && <Problems problems={checked.answer.problems} text={checked.text} onShow={show} />}
        </div>
      </Stack>
    </Card>
  );
}

function Problems({ problems, text, onShow }: { problems: readonly Trouble[]; text: string; onShow: (line: number) => void }) {
  const t = useT();
  return (
    <Stack gap="xs">
      <Title order={2} size="h5" c="var(--sw-bad)">
        {t("invalid", { n: problems.length })}
      </Title>
      <Stack component="ul" gap="xs" className={classes.plain}>
        {problems.map(({ path, message, hint }) => {
          const line = path ? lineOf(text, path) : lineIn(message);
          return (
            <Alert component="li" key={`${path}\n${message}`} color="red" variant="light" role="listitem">
              <Group justify="space-between" align="flex-start" wrap="nowrap" gap="sm">
                <div className={classes.grow}>
                  <Text size="sm">
                    <Code>{path || t("whole")}</Code> {message}
                  </Text>
                  {hint && (
                    <Text size="sm" c="dimmed" className={classes.value ?? ""}>
                      {hint}
                    </Text>
                  )}
                </div>
                {line > 0 && (
                  <Button size="compact-xs" variant="default" onClick={() => onShow(line)}>
                    {t("line", { n: line })}
                  </Button>
                )}
              </Group>
            </Alert>
          );
        })}
      </Stack>
    </Stack>
  );
}
