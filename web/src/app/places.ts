/** The pages: where each is, what stands for it in the navigation, which key goes there. */

import {
  IconAdjustmentsHorizontal,
  IconChartBar,
  IconGauge,
  IconKey,
  IconMessages,
  IconPhotoSpark,
  IconRipple,
  IconServer2,
  type TablerIcon,
} from "@tabler/icons-react";
import type { ComponentType } from "react";

export type PlaceName = "studio" | "chat" | "overview" | "streams" | "usage" | "upstreams" | "keys" | "settings";

export interface Place {
  name: PlaceName;
  path: `/${string}`;
  icon: TablerIcon;
  /** After `g`. */
  letter: string;
  load: () => Promise<{ default: ComponentType }>;
}

export interface PlaceGroup {
  name: "make" | "watch" | "manage";
  places: readonly Place[];
}

export const GROUPS: readonly PlaceGroup[] = [
  {
    name: "make",
    places: [
      { name: "studio", path: "/studio", icon: IconPhotoSpark, letter: "i", load: () => import("@/studio") },
      { name: "chat", path: "/chat", icon: IconMessages, letter: "c", load: () => import("@/chat") },
    ],
  },
  {
    name: "watch",
    places: [
      { name: "overview", path: "/overview", icon: IconGauge, letter: "o", load: () => import("@/overview") },
      { name: "streams", path: "/streams", icon: IconRipple, letter: "s", load: () => import("@/streams") },
      { name: "usage", path: "/usage", icon: IconChartBar, letter: "u", load: () => import("@/usage") },
    ],
  },
  {
    name: "manage",
    places: [
      { name: "upstreams", path: "/upstreams", icon: IconServer2, letter: "p", load: () => import("@/upstreams") },
      { name: "keys", path: "/keys", icon: IconKey, letter: "k", load: () => import("@/keys") },
      {
        name: "settings",
        path: "/settings",
        icon: IconAdjustmentsHorizontal,
        letter: "e",
        load: () => import("@/settings"),
      },
    ],
  },
];

export const PLACES: readonly Place[] = GROUPS.flatMap((group) => group.places);

/** Those that a phone has at the bottom; the others are one touch further. */
export const BOTTOM: readonly PlaceName[] = ["studio", "chat", "overview", "streams"];
