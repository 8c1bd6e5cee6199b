import { Anchor, Button, Group, Input, NumberInput, Popover, Select, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconAspectRatio, IconInfoCircle } from "@tabler/icons-react";
import { useState } from "react";

import classes from "./Composer.module.css";
import { useT } from "./i18n";
import { EDGE_STEP, LARGE_SIZES, MAX_EDGE, nearestSize, parseSize, shapeOf, type Size, sizeFaults, sizeText, STANDARD_SIZES } from "./sizes";

/** Presets as shapes; others from a list; any other by its edges, with what the API says to it. */
export function SizePicker({ value, onChange }: { value: string; onChange: (size: string) => void }) {
  const t = useT();
  const size = parseSize(value);
  const known = value === "auto" || [...STANDARD_SIZES, ...LARGE_SIZES].some((one) => one === value);
  const [wished, setFree] = useState(false);
  const free = wished || !known;
  const preset = (one: string) => {
    setFree(false);
    onChange(one);
  };
  return (
    <Input.Wrapper label={t("size")} labelElement="div">
      <div className={classes.shapes} role="radiogroup" aria-label={t("size")}>
        <Shape label={t("auto")} chosen={!free && value === "auto"} onChoose={() => preset("auto")} />
        {STANDARD_SIZES.map((one) => (
          <Shape
            key={one}
            label={one.replace("x", "×")}
            size={parseSize(one)}
            chosen={!free && value === one}
            onChoose={() => preset(one)}
          />
        ))}
      </div>
      <Group gap="xs" mt={8} wrap="nowrap">
        <Select
          flex={1}
          size="xs"
          aria-label={t("moreSizes")}
          placeholder={t("moreSizes")}
          data={LARGE_SIZES.map((one) => ({ value: one, label: `${one.replace("x", " × ")} (${shapeOf(parseSize(one) ?? SQUARE)})` }))}
          value={!free && size && LARGE_SIZES.some((one) => one === value) ? value : null}
          onChange={(one) => {
            if (one !== null) preset(one);
          }}
        />
        <Button
          size="xs"
          variant={free ? "light" : "default"}
          aria-pressed={free}
          onClick={() => {
            setFree(!free);
            if (!free && size === null) onChange(sizeText(SQUARE));
            if (free && !known) onChange("auto");
          }}
        >
          {t("freeSize")}
        </Button>
        <Limits />
      </Group>
      {free && <FreeSize size={size ?? SQUARE} onChange={(next) => onChange(sizeText(next))} />}
    </Input.Wrapper>
  );
}

const SQUARE: Size = { width: 1024, height: 1024 };

function FreeSize({ size, onChange }: { size: Size; onChange: (size: Size) => void }) {
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

function Limits() {
  const t = useT();
  return (
    <Popover width={290} position="bottom-end" withArrow>
      <Popover.Target>
        <UnstyledButton aria-label={t("sizeLimits")} c="dimmed" className={classes.info}>
          <IconInfoCircle size={17} aria-hidden />
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <Text size="sm" fw={600} mb={4}>
          {t("sizeLimits")}
        </Text>
        <Text size="sm" component="ul" m={0} pl={18}>
          <li>{t("limitStep", { n: EDGE_STEP })}</li>
          <li>{t("limitEdge", { n: MAX_EDGE })}</li>
          <li>{t("limitRatio")}</li>
          <li>{t("limitPixels")}</li>
        </Text>
        <Text size="xs" c="dimmed" mt={6}>
          {t("limitOther")}
        </Text>
      </Popover.Dropdown>
    </Popover>
  );
}

function Shape({ label, size, chosen, onChoose }: { label: string; size?: Size | null; chosen: boolean; onChoose: () => void }) {
  const scale = size ? 20 / Math.max(size.width, size.height) : 0;
  return (
    <UnstyledButton className={classes.shape} role="radio" aria-checked={chosen} onClick={onChoose}>
      <span className={classes.shapeIcon}>
        {size ? <span style={{ width: size.width * scale, height: size.height * scale }} /> : <IconAspectRatio size={22} stroke={1.5} aria-hidden />}
      </span>
      {label}
    </UnstyledButton>
  );
}
