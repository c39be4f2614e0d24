/** The side bar, chats as tabs, the commands, and links that lead to them. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';

import { EnvContext } from '../components/env';
import { sparkIcon } from '../components/state';
import { ChatView } from '../panel/chatview';
import { Panel } from '../panel/panel';
import { isEnded } from '../state/model';
import type { Place, Sparky } from '../tokens';
import { ISparky } from '../tokens';
import { placeOf } from './actions';

const CATEGORY = 'Sparky';

class PanelWidget extends ReactWidget {
  private place: Place | null = null;

  constructor(private readonly sparky: Sparky) {
    super();
    this.id = 'sparky-panel';
    this.title.icon = sparkIcon;
    this.title.caption = sparky.trans.__('Sparky');
    this.addClass('sparky-side');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', sparky.trans.__('Sparky'));
  }

  show_(place: Place | null): void {
    this.place = place;
    this.update();
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.update();
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.update();
  }

  protected override render(): JSX.Element {
    return (
      <EnvContext.Provider value={this.sparky}>
        <Panel place={this.place} seen={this.isVisible} back={() => this.show_(null)} />
      </EnvContext.Provider>
    );
  }
}

class ChatWidget extends ReactWidget {
  constructor(
    private readonly sparky: Sparky,
    public place: Place
  ) {
    super();
    this.addClass('sparky-main');
  }

  go(place: Place): void {
    this.place = place;
    this.update();
  }

  protected override render(): JSX.Element {
    return (
      <EnvContext.Provider value={this.sparky}>
        <ChatView place={this.place} />
      </EnvContext.Provider>
    );
  }
}

export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: '@sparky-nb/labextension:panel',
  description: 'The panel of tasks and chats.',
  autoStart: true,
  requires: [ISparky],
  optional: [ILabShell, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    sparky: Sparky,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): void => {
    const { trans, actions, hub } = sparky;
    const panel = new PanelWidget(sparky);
    app.shell.add(panel, labShell ? 'left' : 'right', { rank: 250, type: 'Sparky' });
    restorer?.add(panel, 'sparky-panel');
    const tracker = new WidgetTracker<MainAreaWidget<ChatWidget>>({ namespace: 'sparky-chat' });

    const openTab = (place: Place): void => {
      const id = `sparky-chat-${place.chatId}`;
      let tab = tracker.find(widget => widget.id === id);
      if (!tab) {
        const content = new ChatWidget(sparky, place);
        tab = new MainAreaWidget({ content });
        tab.toolbar.hide();
        tab.id = id;
        tab.title.icon = sparkIcon;
        tab.title.closable = true;
        tab.title.label = hub.overview.titleOf(place.chatId);
        const retitle = hub.overview.beat.subscribe(() => {
          const title = hub.overview.chats.get(place.chatId)?.title;
          if (tab && title) {
            tab.title.label = hub.overview.titleOf(place.chatId);
            tab.title.caption = title;
          }
        });
        tab.disposed.connect(retitle);
        void tracker.add(tab);
        app.shell.add(tab, 'main');
      } else {
        tab.content.go(place);
      }
      app.shell.activateById(id);
    };

    const { commands } = app;
    const add = (
      id: string,
      label: string,
      execute: (args: Record<string, unknown>) => unknown,
      inPalette = true
    ): void => {
      commands.addCommand(id, { label, caption: label, icon: sparkIcon, execute });
      if (inPalette) {
        palette?.addItem({ command: id, category: CATEGORY });
      }
    };
    add('sparky:open-panel', trans.__('Show Tasks and Chats'), () => {
      panel.show_(null);
      app.shell.activateById(panel.id);
    });
    add('sparky:open-chat', trans.__('Open Chat'), async args => {
      const place = placeIn(args) ?? (await chooseChat(sparky));
      if (!place) {
        return;
      }
      if (labShell) {
        openTab(place);
      } else {
        panel.show_(place); // Notebook 7 has room for one document only
        app.shell.activateById(panel.id);
      }
    });
    add('sparky:instruct', trans.__('Give the Agent an Instruction…'), async () => {
      const { value } = await InputDialog.getText({ title: trans.__('What should it do?') });
      if (value?.trim()) {
        const task = await sparky.rest.instruct('default', value.trim());
        actions.openChat({ chatId: task.chat_id, taskId: task.task_id });
      }
    });
    add('sparky:cancel-all', trans.__('Cancel All Running Tasks'), async () => {
      const running = hub.overview.list().filter(task => !isEnded(task.state));
      await Promise.allSettled(running.map(task => actions.cancel(task.task_id)));
    });
    add('sparky:reconnect', trans.__('Reconnect Now'), () => hub.hurry());
    add('sparky:jump-to-live', trans.__('Jump to Live'), () => {
      const active = document.activeElement?.closest('.sparky-side, .sparky-main, .sparky-inline');
      (active ?? document).querySelector<HTMLElement>('.sparky-jump')?.click();
    });

    void restorer?.restore(tracker, {
      command: 'sparky:open-chat',
      args: ({ content: { place } }) => ({ chatId: place.chatId, taskId: place.taskId ?? null }),
      name: tab => tab.content.place.chatId
    });
    const follow = (): void => {
      const place = placeOf(window.location.hash);
      if (place) {
        void commands.execute('sparky:open-chat', { ...place });
      }
    };
    void app.restored.then(follow);
    window.addEventListener('hashchange', follow);
  }
};

/** The place in a command's arguments, which are whatever a link or a saved layout holds. */
function placeIn({ chatId, taskId, offset }: Record<string, unknown>): Place | null {
  return typeof chatId === 'string' && chatId
    ? {
        chatId,
        taskId: typeof taskId === 'string' ? taskId : undefined,
        offset: typeof offset === 'number' ? offset : undefined
      }
    : null;
}

async function chooseChat(sparky: Sparky): Promise<Place | null> {
  const { trans, hub } = sparky;
  const chats = [...hub.overview.chats.values()];
  if (chats.length === 0) {
    return null;
  }
  const { value } = await InputDialog.getItem({
    title: trans.__('Open Chat'),
    items: chats.map(chat => `${chat.title ?? chat.chat_id} (${chat.chat_id})`)
  });
  const chat = chats.find(each => `${each.title ?? each.chat_id} (${each.chat_id})` === value);
  return chat ? { chatId: chat.chat_id } : null;
}
