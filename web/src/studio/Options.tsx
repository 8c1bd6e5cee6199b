import { Collapse, Group, Input, NumberInput, SegmentedControl, Select, Slider, Stack, Switch, Text, TextInput, UnstyledButton } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useState } from "react";

import { useStore } from "@/lib/persisted";
import { currentProfile, profiles } from "@/lib/profiles";

import classes from "./Composer.module.css";
import { change, changeParams, draft } from "./draft";
import { useT } from "./i18n";
import { among, BACKGROUNDS, FORMATS, MAX_PARTIALS, MAX_PICTURES, MODERATIONS, QUALITIES } from "./params";
import { SizePicker } from "./SizePicker";

/** How the picture shall be. */
export function Options() {
  const t = useT();
  const { params, count } = useStore(draft);
  return (
    <Stack gap="md">
      <SizePicker value={params.size} onChange={(size) => changeParams({ size })} />
      <Group grow align="flex-start">
        <Select
          label={t("quality")}
          data={QUALITIES.map((value) => ({ value, label: t(`quality_${value}`) }))}
          value={params.quality}
          onChange={(value) => changeParams({ quality: among(QUALITIES, value) })}
          allowDeselect={false}
        />
        <NumberInput label={t("count")} value={count} min={1} max={MAX_PICTURES} clampBehavior="strict" allowDecimal={false} onChange={(value) => change({ count: Math.max(1, Number(value) || 1) })} />
      </Group>
      <Previews />
      <More />
    </Stack>
  );
}

function Previews() {
  const t = useT();
  const { params } = useStore(draft);
  return (
    <div className={classes.previews}>
      <Switch
        label={t("streaming")}
        description={params.stream ? t("streamingWhy") : t("streamingOff")}
        checked={params.stream}
        onChange={(event) => changeParams({ stream: event.currentTarget.checked })}
      />
      <Collapse expanded={params.stream}>
        <Group justify="space-between" mt={10} wrap="nowrap">
          <Text size="sm" id="partials-label">
            {t("partials")}
          </Text>
          <SegmentedControl
            size="xs"
            aria-labelledby="partials-label"
            data={Array.from({ length: MAX_PARTIALS + 1 }, (_, index) => String(index))}
            value={String(params.partials)}
            onChange={(value) => changeParams({ partials: Number(value) })}
          />
        </Group>
      </Collapse>
    </div>
  );
}

function More() {
  const t = useT();
  const { params } = useStore(draft);
  const { mode } = currentProfile(useStore(profiles));
  const [open, setOpen] = useState(false);
  const lossy = params.format !== "png";
  return (
    <div>
      <UnstyledButton className={classes.more} aria-expanded={open} onClick={() => setOpen(!open)}>
        {t("moreOptions")}
        <IconChevronDown size={16} aria-hidden />
      </UnstyledButton>
      <Collapse expanded={open}>
        <Stack gap="md" pt="sm">
          <Input.Wrapper label={t("format")} labelElement="div">
            <SegmentedControl fullWidth size="xs" mt={4} aria-label={t("format")} data={FORMATS.map((value) => ({ value, label: value.toUpperCase() }))} value={params.format} onChange={(value) => changeParams({ format: among(FORMATS, value) })} />
          </Input.Wrapper>
          {lossy && (
            <Input.Wrapper label={t("compression")} description={t("compressionWhy")} labelElement="div">
              <Slider mt={6} mb={4} thumbLabel={t("compression")} value={params.compression} onChange={(compression) => changeParams({ compression })} label={(value) => `${value} %`} />
            </Input.Wrapper>
          )}
          <Input.Wrapper label={t("background")} labelElement="div" error={params.background === "transparent" && params.format === "jpeg" ? t("jpegOpaque") : null}>
            <SegmentedControl fullWidth size="xs" mt={4} aria-label={t("background")} data={BACKGROUNDS.map((value) => ({ value, label: t(`background_${value}`) }))} value={params.background} onChange={(value) => changeParams({ background: among(BACKGROUNDS, value) })} />
          </Input.Wrapper>
          <Input.Wrapper label={t("moderation")} labelElement="div">
            <SegmentedControl fullWidth size="xs" mt={4} aria-label={t("moderation")} data={MODERATIONS.map((value) => ({ value, label: t(`moderation_${value}`) }))} value={params.moderation} onChange={(value) => changeParams({ moderation: among(MODERATIONS, value) })} />
          </Input.Wrapper>
          {mode === "responses" && (
            <TextInput label={t("toolModel")} description={t("toolModelWhy")} placeholder="gpt-image-2" value={params.toolModel} onChange={(event) => changeParams({ toolModel: event.currentTarget.value })} />
          )}
        </Stack>
      </Collapse>
    </div>
  );
}
