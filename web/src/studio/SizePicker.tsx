import { Button, Group, Input, Popover, Select, Text, UnstyledButton } from "@mantine/core";
import { IconAspectRatio, IconInfoCircle } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";

import classes from "./Composer.module.css";
import { useT } from "./i18n";
import { EDGE_STEP, LARGE_SIZES, MAX_EDGE, parseSize, shapeOf, type Size, sizeText, STANDARD_SIZES } from "./sizes";

const FreeSize = lazy(() => import("./FreeSize"));

const SQUARE: Size = { width: 1024, height: 1024 };

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
      {free && (
        <Suspense fallback={null}>
          <FreeSize size={size ?? SQUARE} onChange={(next) => onChange(sizeText(next))} />
        </Suspense>
      )}
    </Input.Wrapper>
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
