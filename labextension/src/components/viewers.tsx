import type { Chat } from '../transport/chat';
import type { ViewerInfo } from '../wire/generated';
import { useEnv } from './env';

const SHOWN = 4;

/** Who else is watching. */
export function Viewers({ chat }: { chat: Chat }): JSX.Element | null {
  const { trans } = useEnv();
  const others = chat.viewers.filter(viewer => viewer.id !== chat.viewer);
  const count = chat.viewerCount - (chat.viewers.length > others.length ? 1 : 0);
  if (count <= 0) {
    return null;
  }
  const names = others.map(viewer => viewer.user);
  const label = trans._n('%1 other viewer', '%1 other viewers', count, count);
  return (
    <span
      className="sparky-viewers"
      role="img"
      aria-label={[label, ...names].join(', ')}
      title={[label, ...names].join('\n')}
    >
      {others.slice(0, SHOWN).map(viewer => (
        <span key={viewer.id} className="sparky-viewer" style={{ borderColor: colour(viewer) }}>
          {initials(viewer.user)}
        </span>
      ))}
      {count > SHOWN && <span className="sparky-dim">+{count - SHOWN}</span>}
    </span>
  );
}

/** The person's own colour, or, where the server knows none, always the same for the same name. */
function colour({ user, color }: ViewerInfo): string {
  if (color && CSS.supports('color', color)) {
    return color;
  }
  let hash = 0;
  for (const c of user) {
    hash = (hash * 31 + (c.codePointAt(0) ?? 0)) % 360;
  }
  return `hsl(${hash} 55% 48%)`;
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  return words
    .slice(0, 2)
    .map(word => [...word][0] ?? '')
    .join('')
    .toUpperCase();
}
