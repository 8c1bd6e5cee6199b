import { Notifications } from "@mantine/notifications";

/** In a file of its own, so that it can be loaded when it is needed. */
export default function NoticeList() {
  return <Notifications position="bottom-right" />;
}
