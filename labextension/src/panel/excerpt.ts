/** Where a link leads further back than the live timeline reaches, that part of the history. */

import { useEffect, useState } from 'react';

import { useEnv } from '../components/env';
import { Excerpt } from '../state/excerpt';
import { isCutOff } from '../state/seek';
import type { Place } from '../tokens';
import type { Chat } from '../transport/chat';

interface Sought {
  excerpt: Excerpt | null;
  loading: boolean;
  /** The event to mark; none once the reader went to what is live. */
  target: number | undefined;
  leave: () => void;
}

export function useExcerpt(chat: Chat, place: Place): Sought {
  const { rest, actions } = useEnv();
  const [found, setFound] = useState<{ place: Place; excerpt: Excerpt | null } | null>(null);
  const [left, setLeft] = useState<Place | null>(null);
  const [, redraw] = useState(0);
  const { offset } = place;
  const known = chat.info.offset > 0;
  const wanted = offset !== undefined && left !== place;

  useEffect(() => {
    if (!wanted || !known) {
      return;
    }
    let current = true;
    const show = (excerpt: Excerpt | null): void => {
      if (current) {
        setFound({ place, excerpt });
      }
    };
    if (offset >= chat.wholeFrom && !isCutOff(chat.state.timeline, offset)) {
      show(null);
    } else {
      Excerpt.around(
        offset,
        (after, limit) => rest.events(chat.chatId, { after, limit }),
        () => redraw(n => n + 1)
      ).then(show, error => {
        actions.report(error);
        show(null);
      });
    }
    return () => {
      current = false;
    };
  }, [chat, place, offset, wanted, known, rest, actions]);

  const here = wanted && found?.place === place ? found : null;
  return {
    excerpt: here?.excerpt ?? null,
    loading: wanted && known && here === null,
    target: here ? offset : undefined,
    leave: () => setLeft(place)
  };
}
