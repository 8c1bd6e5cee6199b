import { useEffect } from "react";
import { useLocation, useNavigate } from "react-router";

import { readOffer } from "@/settings/urlSettings";

import { change, changeParams } from "./draft";
import { readUrlSettings } from "./urlSettings";

/** Does as the address says, and takes it out of the address: a reload must not undo what was changed since. */
export function useUrlSettings(): void {
  const { pathname, search, hash } = useLocation();
  const navigate = useNavigate();
  useEffect(() => {
    // What is for the profile comes first, and leaves the address first: two that change it at once undo each other.
    if (readOffer(search, hash, location.origin) !== undefined) return;
    const settings = readUrlSettings(search, hash);
    if (settings === undefined) return;
    void navigate(pathname, { replace: true });
    const { prompt, count, params } = settings;
    if (prompt !== undefined) change({ prompt });
    if (count !== undefined) change({ count });
    changeParams(params);
  }, [pathname, search, hash, navigate]);
}
