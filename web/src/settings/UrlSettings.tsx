import { notifications } from "@mantine/notifications";
import { lazy, Suspense, useEffect } from "react";
import { useLocation, useNavigate } from "react-router";

import { store, useStore } from "@/lib/persisted";
import { profiles, putProfile } from "@/lib/profiles";

import { useT } from "./i18n";
import { newId } from "./ids";
import { decide, type Decision, readOffer, withoutOffer } from "./urlSettings";

const UrlOffer = lazy(() => import("./UrlOffer"));

/** What the user has to decide on. */
const open = store<Decision | undefined>(undefined);

/** Where settings are taken from the address; elsewhere `model` and the like are filters of lists. */
const PAGES = /^\/(studio|chat|settings)(\/|$)/;

/**
 * Takes settings from the address of the page; asks before it takes an address or a key that is not known. Mounted
 * once, above all pages.
 */
export default function UrlSettings() {
  const t = useT();
  const navigate = useNavigate();
  const { pathname, search, hash } = useLocation();
  const asked = useStore(open);

  useEffect(() => {
    const offer = PAGES.test(pathname) ? readOffer(search, hash, location.origin) : undefined;
    if (offer === undefined) return;
    // First of all the key leaves the address, and the browser's history with it.
    void navigate({ pathname, ...withoutOffer(search, hash) }, { replace: true });
    if (offer.invalid) {
      notifications.show({ color: "red", message: t("offerInvalid", { address: offer.baseUrl.slice(0, 100) }), autoClose: false });
      return;
    }
    const decision = decide(offer, profiles.get(), newId());
    if (decision.ask) open.set(decision);
    else adopt(decision);
  }, [pathname, search, hash, navigate, t]);

  if (!asked) return null;
  const { profile } = asked;
  const ignore = () => open.set(undefined);
  const take = () => {
    adopt(asked);
    open.set(undefined);
    notifications.show({ message: t("offerTaken", { name: profile.name || t("here") }) });
  };
  return (
    <Suspense fallback={null}>
      <UrlOffer profile={profile} onTake={take} onIgnore={ignore} />
    </Suspense>
  );
}

function adopt({ profile }: Decision): void {
  putProfile(profile);
  profiles.set((all) => ({ ...all, current: profile.id }));
}
