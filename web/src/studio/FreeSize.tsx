import { Anchor, Group, NumberInput, Stack, Text } from "@mantine/core";

import { useT } from "./i18n";
import { EDGE_STEP, nearestSize, shapeOf, type Size, sizeFaults } from "./sizes";

/** A size by its edges, with the limits it breaks, and the nearest that breaks none. */
export default function FreeSize({ size, onChange }: { size: Size; onChange: (size: Size) => void }) {
  const t = useT();
  const faults = sizeFaults(size);
  const better = nearestSize(size);
  const broken = faults.some((fault) => fault !== "experimental");
  const edge = (value: string | number) => Math.min(99_999, Math.max(0, Math.round(Number(value)) || 0));
  return (
    <Stack gap={6} mt={8}>
      <Group gap="xs" wrap="nowrap">
        <NumberInput size="xs" flex={1} aria-label={t("width")} leftSection={t("widthShort")} value={size.width} min={0} max={99_999} step={EDGE_STEP} onChange={(value) => onChange({ ...size, width: edge(value) })} />
        <Text c="dimmed">×</Text>
        <NumberInput size="xs" flex={1} aria-label={t("height")} leftSection={t("heightShort")} value={size.height} min={0} max={99_999} step={EDGE_STEP} onChange={(value) => onChange({ ...size, height: edge(value) })} />
        <Text size="xs" c="dimmed" className="sw-numbers" w={44} ta="end">
          {shapeOf(size)}
        </Text>
      </Group>
      <div role="status">
        {faults.map((fault) => (
          <Text key={fault} size="xs" c="var(--sw-warn)">
            {t(`size_${fault}`)}
          </Text>
        ))}
        {broken && (
          <Anchor component="button" type="button" size="xs" onClick={() => onChange(better)}>
            {t("useNearest", { size: `${better.width} × ${better.height}` })}
          </Anchor>
        )}
      </div>
    </Stack>
  );
}
