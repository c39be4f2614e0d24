/** What can't be drawn, however it came to that, does not take along what stands beside it. */

import type { ReactNode } from 'react';
import { Component } from 'react';

export class Boundary extends Component<
  { instead: () => ReactNode; children: ReactNode },
  { failed: boolean }
> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    return this.state.failed ? this.props.instead() : this.props.children;
  }
}
