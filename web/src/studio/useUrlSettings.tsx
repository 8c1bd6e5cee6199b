import { Code, Stack, Text } from "@mantine/core";
import { useEffect } from "react";
import { useLocation, useNavigate } from "react-router";

import { currentProfile, profiles, putProfile } from "@/lib/profiles";
import { confirm } from "@/ui/confirm";

import { change, changeMode, changeParams } from "./draft";
import { useT } from "./i18n";
import { newId } from "./live";
import { readUrlSettings, type UrlSettings } from "./urlSettings";

/** Does as the address says, and takes it out of the address: a key has no business in the browser's history. */
export function useUrlSettings(): void {
  const t = useT();
  const { pathname, search, hash } = useLocation();
  const navigate = useNavigate();
  useEffect(() => {
    const settings = readUrlSettings(search, hash);
    if (settings === undefined) return;
    void navigate(pathname, { replace: true });
    void obey(settings, t);
  }, [pathname, search, hash, navigate, t]);
}

async function obey(settings: UrlSettings, t: ReturnType<typeof useT>): Promise<void> {
  const { prompt, count, params, mode, model, foreign } = settings;
  if (prompt !== undefined) change({ prompt });
  if (count !== undefined) change({ count });
  changeParams(params);
  if (foreign !== undefined && !isKnown(foreign.baseUrl, foreign.apiKey)) {
    const text = (
      <Stack gap="xs">
        <Text size="sm">{foreign.baseUrl ? t("foreignUrlWhy") : t("foreignKeyWhy")}</Text>
        {foreign.baseUrl && <Code block>{foreign.baseUrl}</Code>}
        {foreign.baseUrl && foreign.apiKey && <Text size="sm">{t("foreignWithKey")}</Text>}
      </Stack>
    );
    if (!(await confirm({ title: t("foreignTitle"), text, yes: t("foreignYes"), danger: true }))) return;
    const { baseUrl, apiKey } = foreign;
    const id = newId();
    const name = foreign.name || (baseUrl ? new URL(baseUrl).host : t("fromLink"));
    putProfile({ id, name, baseUrl, apiKey, mode: mode ?? "images", model: model ?? "" });
    profiles.set((all) => ({ ...all, current: id }));
    return;
  }
  if (mode !== undefined) changeMode(mode);
  if (model !== undefined) putProfile({ ...currentProfile(), model });
}

/** The profile that has them already becomes the one in use. */
function isKnown(baseUrl: string, apiKey: string): boolean {
  const own = location.origin + "/v1";
  const known = profiles.get().list.find((one) => (one.baseUrl || own) === (baseUrl || own) && (apiKey === "" || one.apiKey === apiKey));
  if (known) profiles.set((all) => ({ ...all, current: known.id }));
  return known !== undefined;
}
