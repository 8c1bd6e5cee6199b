import { type ComponentType, lazy, type LazyExoticComponent } from "react";
import { Navigate, Route, Routes, useLocation } from "react-router";

import { Guard } from "./Guard";
import { NotFound } from "./NotFound";
import { PLACES, type PlaceName } from "./places";
import { Shell } from "./Shell";

const LOADED = Object.fromEntries(PLACES.map((place) => [place.name, lazy(place.load)])) as Record<
  PlaceName,
  LazyExoticComponent<ComponentType>
>;

/**
 * Addresses of the browser's own kind: the gateway answers each of them with index.html. A page has all that is below
 * its address (`/streams/req_…`), and asks `useParams()["*"]` for the rest, or has `<Routes>` of its own.
 */
export function Pages() {
  return (
    <Routes>
      <Route element={<Shell />}>
        <Route index element={<Home />} />
        {PLACES.map((place) => {
          const Page = LOADED[place.name];
          return (
            <Route
              key={place.name}
              path={`${place.path}/*`}
              element={
                <Guard key={place.name}>
                  <Page />
                </Guard>
              }
            />
          );
        })}
        <Route path="*" element={<NotFound />} />
      </Route>
    </Routes>
  );
}

/** What stands after the bare address (a profile, a prompt) is for the studio. */
function Home() {
  const { search, hash } = useLocation();
  return <Navigate replace to={search || hash ? { pathname: "/studio", search, hash } : "/overview"} />;
}
