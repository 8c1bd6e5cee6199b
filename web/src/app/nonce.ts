/** What allows our own style elements under the Content-Security-Policy; the gateway puts it into each index.html. */
export function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}
