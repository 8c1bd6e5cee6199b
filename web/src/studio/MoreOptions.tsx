import { Input, SegmentedControl, Slider, Stack, TextInput } from "@mantine/core";

import { useStore } from "@/lib/persisted";
import { currentProfile, profiles } from "@/lib/profiles";

import { changeParams, draft } from "./draft";
import { useT } from "./i18n";
import { among, BACKGROUNDS, FORMATS, MODERATIONS } from "./params";

/** What is seldom changed. */
export default function MoreOptions() {
  const t = useT();
  const { params } = useStore(draft);
  const { mode } = currentProfile(useStore(profiles));
  const lossy = params.format !== "png";
  return (
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
  );
}
