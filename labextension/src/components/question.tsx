import { useId, useState } from 'react';

import { useEnv } from './env';
import { Mime } from './mime';

export interface QuestionProps {
  taskId: string;
  questionId: string;
  prompt: string;
  choices: string[];
  approval: boolean;
  expires: number | null;
  /** Sends the answer to the runner. */
  answer: (text: string) => Promise<void>;
}

/** An open question with what is needed to answer it. */
export function Question(props: QuestionProps): JSX.Element {
  const { trans, actions } = useEnv();
  const [text, setText] = useState('');
  const [sending, setSending] = useState(false);
  const id = useId();
  const choices = props.choices.length ? props.choices : props.approval ? ['approve', 'deny'] : [];

  const send = (answer: string): void => {
    setSending(true);
    props
      .answer(answer)
      .catch((error: unknown) => actions.report(error))
      .finally(() => setSending(false));
  };
  return (
    <form
      className="sparky-question"
      aria-labelledby={id}
      data-sparky-question={props.questionId}
      onSubmit={event => {
        event.preventDefault();
        if (text.trim()) {
          send(text);
        }
      }}
    >
      <div id={id} className="sparky-question-prompt">
        <Mime data={markdown(props.prompt)} />
      </div>
      {choices.length > 0 && (
        <div className="sparky-question-choices">
          {choices.map(choice => (
            <button
              key={choice}
              type="button"
              className="sparky-button"
              disabled={sending}
              onClick={() => send(choice)}
            >
              {choice}
            </button>
          ))}
        </div>
      )}
      {!props.choices.length && !props.approval && (
        <div className="sparky-question-row">
          <input
            className="sparky-input"
            value={text}
            disabled={sending}
            placeholder={trans.__('Your answer')}
            aria-label={trans.__('Your answer')}
            onChange={event => setText(event.target.value)}
            onKeyDown={event => {
              // In a cell JupyterLab takes Enter for itself: nothing would be sent by it.
              if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
                event.preventDefault();
                event.currentTarget.form?.requestSubmit();
              }
            }}
          />
          <button className="sparky-button sparky-mod-accept" disabled={sending || !text.trim()}>
            {trans.__('Answer')}
          </button>
        </div>
      )}
    </form>
  );
}

export function markdown(text: string): Record<string, unknown> {
  return { 'text/markdown': text, 'text/plain': text };
}
