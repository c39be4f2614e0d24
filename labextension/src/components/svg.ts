/** Where an image is that is drawn by an SVG: as an image nothing in it runs and nothing is fetched. */
export function svgAddress(svg: string): string {
  // Half of a pair of surrogates can't be encoded, and what a task shows may hold one.
  const whole = svg.replace(/\p{Surrogate}/gu, '\ufffd');
  return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(whole).replaceAll("'", '%27')}`;
}
