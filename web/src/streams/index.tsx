import { useParams } from "react-router";

import { StreamDetail } from "./StreamDetail";
import { StreamsList } from "./StreamsList";

/** `/streams`: all of them. `/streams/req_…`: one. */
export default function StreamsPage() {
  const { "*": requestId = "" } = useParams();
  return requestId === "" ? <StreamsList /> : <StreamDetail key={requestId} requestId={requestId} />;
}
