import { useNotifications } from "@mantine/notifications";
import { lazy, Suspense, useState } from "react";

const NoticeList = lazy(() => import("./NoticeList"));

/** Where notifications appear; loaded with the first of them. */
export function Notices() {
  const { notifications } = useNotifications();
  const [wanted, want] = useState(false);
  if (notifications.length > 0 && !wanted) want(true);
  return wanted ? (
    <Suspense fallback={null}>
      <NoticeList />
    </Suspense>
  ) : null;
}
