import { Button, CloseButton, Group, Input, Paper, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { IconPlus, IconSunHigh } from "@tabler/icons-react";

import { isObject } from "@/lib/errors";

import { useT } from "./i18n";
import { parsed } from "./request";
import type { Tool } from "./types";

const EMPTY_SCHEMA = `{
  "type": "object",
  "properties": {}
}`;

const EXAMPLE: Tool = {
  name: "get_weather",
  description: "The weather in a city",
  schema: `{
  "type": "object",
  "properties": {
    "city": { "type": "string" },
    "unit": { "type": "string", "enum": ["celsius", "fahrenheit"] }
  },
  "required": ["city"]
}`,
};

/** The functions that a model may call. */
export function ToolsEditor({ tools, onChange }: { tools: Tool[]; onChange: (tools: Tool[]) => void }) {
  const t = useT();
  const change = (index: number, what: Partial<Tool>) => onChange(tools.map((tool, at) => (at === index ? { ...tool, ...what } : tool)));
  return (
    <Stack gap="sm">
      <div>
        <Input.Label component="div">{t("tools")}</Input.Label>
        <Text size="xs" c="dimmed">
          {t("toolsText")}
        </Text>
      </div>
      {tools.map((tool, index) => (
        <Paper key={index} withBorder p="sm" pos="relative">
          <CloseButton
            pos="absolute"
            top={6}
            right={6}
            aria-label={t("removeTool", { name: tool.name })}
            onClick={() => onChange(tools.toSpliced(index, 1))}
          />
          <Stack gap="xs">
            <TextInput
              size="xs"
              label={t("toolName")}
              spellCheck={false}
              value={tool.name}
              error={/^[\w-]{1,64}$/.test(tool.name) ? null : t("badName")}
              onChange={(event) => change(index, { name: event.currentTarget.value })}
            />
            <TextInput
              size="xs"
              label={t("toolDescription")}
              value={tool.description}
              onChange={(event) => change(index, { description: event.currentTarget.value })}
            />
            <Textarea
              size="xs"
              label={t("toolSchema")}
              autosize
              minRows={3}
              maxRows={14}
              spellCheck={false}
              styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
              value={tool.schema}
              error={isObject(parsed(tool.schema)) ? null : t("badSchema")}
              onChange={(event) => change(index, { schema: event.currentTarget.value })}
            />
          </Stack>
        </Paper>
      ))}
      <Group gap="xs">
        <Button
          size="xs"
          variant="default"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => onChange([...tools, { name: `tool_${tools.length + 1}`, description: "", schema: EMPTY_SCHEMA }])}
        >
          {t("addTool")}
        </Button>
        {!tools.some((tool) => tool.name === EXAMPLE.name) && (
          <Button size="xs" variant="subtle" leftSection={<IconSunHigh size={14} aria-hidden />} onClick={() => onChange([...tools, EXAMPLE])}>
            {t("addExample")}
          </Button>
        )}
      </Group>
    </Stack>
  );
}
