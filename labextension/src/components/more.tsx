/** A small menu of what else can be done; it closes when something was chosen or the reader goes on. */

import type { ReactNode } from 'react';
import { useEffect, useRef, useState } from 'react';

/** Less room than this below, and it opens upwards. */
const ROOM_PX = 160;

export function More(props: { label: string; children: ReactNode }): JSX.Element {
  const root = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  const [up, setUp] = useState(false);

  useEffect(() => {
    if (!open) {
      return;
    }
    const leave = (event: Event): void => {
      if (!(event.target instanceof Node && root.current?.contains(event.target))) {
        setOpen(false);
      }
    };
    document.addEventListener('pointerdown', leave, true);
    document.addEventListener('focusin', leave);
    return () => {
      document.removeEventListener('pointerdown', leave, true);
      document.removeEventListener('focusin', leave);
    };
  }, [open]);

  // Not by what the element tells of itself: that comes later, and what is chosen may be sooner.
  const toggle = (): void => {
    const node = root.current;
    if (!open && node) {
      const end = node.closest('.sparky-lists')?.getBoundingClientRect().bottom;
      setUp(node.getBoundingClientRect().bottom + ROOM_PX > (end ?? window.innerHeight));
    }
    setOpen(!open);
  };
  /** What was chosen is under way: the menu goes, and the focus stays with the row. */
  const chosen = (): void => {
    setOpen(false);
    root.current?.querySelector('summary')?.focus();
  };
  return (
    <details
      className={up ? 'sparky-menu sparky-mod-up' : 'sparky-menu'}
      ref={root}
      open={open}
      onKeyDown={event => {
        if (event.key === 'Escape' && open) {
          event.stopPropagation();
          setOpen(false);
          root.current?.querySelector('summary')?.focus();
        }
      }}
    >
      <summary
        aria-label={props.label}
        onClick={event => {
          event.preventDefault();
          toggle();
        }}
      >
        ⋯
      </summary>
      <div className="sparky-menu-items" onClick={chosen}>
        {props.children}
      </div>
    </details>
  );
}
